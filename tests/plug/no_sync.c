/* Preloaded into a process, makes it believe that all it syncs is durable: what a program that forgot to sync loses, a
   test must notice. */
int fsync(int descriptor) {
  (void)descriptor;
  return 0;
}

int fdatasync(int descriptor) {
  (void)descriptor;
  return 0;
}
