#!/bin/sh
# A directory with COPSE_ENTRIES (1,000,000) entries: made, listed, listed with attributes, resumed in the middle while
# entries come and go, looked up, mounted again, removed; and how long each took.
set -eu
. "$(dirname "$0")/common.sh"
entries=${COPSE_ENTRIES:-1000000}

new_volume
mkdir "$folder/large"
remount() {
  "$COPSE" umount "$folder" >/dev/null
  "$COPSE" mount "$store" "$folder" >/dev/null
}
# What the kernel keeps of names, attributes and listings.
have_kernel_forget() { [ "$(id -u)" -ne 0 ] || echo 3 >/proc/sys/vm/drop_caches; }
# step NAME COMMAND...: says what it took of time, and copse of processor time.
ticks_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
step() {
  name=$1
  shift
  pid=$(volume_pid)
  ticks=$(ticks_of "$pid") started=$(date +%s%N)
  "$@" || fail "$name"
  milliseconds=$((($(date +%s%N) - started) / 1000000))
  [ "$(volume_pid)" = "$pid" ] || pid=$(volume_pid) ticks=0
  echo "$name: $milliseconds ms, copse $((($(ticks_of "$pid") - ticks) * 1000 / $(getconf CLK_TCK))) ms"
}
in_large() { (cd "$folder/large" && ENTRIES=$entries perl -MFcntl -e "$1"); }

make_all() { in_large 'for (1 .. $ENV{ENTRIES}) { sysopen(my $f, "entry$_", O_CREAT | O_EXCL | O_WRONLY) or die "entry$_: $!" }'; }
list_all() {
  in_large '
    opendir(my $d, ".") or die $!;
    my ($seen, $n) = ("", 0);
    while (defined(my $name = readdir $d)) {
      next if $name =~ /^\.\.?$/;
      $name =~ /^entry(\d+)$/ && $1 >= 1 && $1 <= $ENV{ENTRIES} or die "$name is not there";
      die "$name twice" if vec($seen, $1, 1);
      vec($seen, $1, 1) = 1;
      ++$n;
    }
    die "$n entries" unless $n == $ENV{ENTRIES}'
}
list_with_attributes() { [ "$(ls -l "$folder/large" | grep -c entry)" -eq "$entries" ]; }
# Positions hold while entries before and behind them are removed and others are made.
resume_in_the_middle() {
  in_large '
    my $n = $ENV{ENTRIES};
    opendir(my $d, ".") or die $!;
    my (@at, @name, $i);
    for (my $at = telldir $d; defined(my $name = readdir $d); $at = telldir $d) {
      next if ++$i % ($n / 10);
      push @at, $at;
      push @name, $name;
    }
    my %kept = map { $_ => 1 } @name;
    for my $gone (1 .. 1000) { $kept{"entry$gone"} or unlink "entry$gone" or die $! }
    for my $new (1 .. 1000) { open my $f, ">", "new$new" or die $! }
    for my $k (reverse(0 .. $#at), 0 .. $#at) {
      seekdir $d, $at[$k];
      my $name = readdir $d;
      die "$name, not $name[$k]" unless $name eq $name[$k];
    }
    seekdir $d, $at[4];
    my %rest;
    while (defined(my $name = readdir $d)) { die "$name twice" if $rest{$name}++ }
    for my $k (0 .. $#name) { die "$name[$k]" if ($k >= 4) != exists $rest{$name[$k]} }
    for my $gone (1 .. 1000) { next if $kept{"entry$gone"}; open my $f, ">", "entry$gone" or die $! }
    for my $new (1 .. 1000) { unlink "new$new" or die $! }'
}
look_up_all() { in_large 'for (1 .. $ENV{ENTRIES}) { -e "entry$_" or die "entry$_: $!" } -e "entry0" and die "entry0"'; }
remove_all() { rm -r "$folder/large" && mkdir "$folder/large"; }
is_empty() { [ -z "$(ls -A "$folder/large")" ]; }

step "make $entries" make_all
step "list" list_all
step "list what the kernel has kept" list_all
step "list with attributes" list_with_attributes
have_kernel_forget
step "list with attributes after the kernel has forgotten" list_with_attributes
step "resume in the middle" resume_in_the_middle
have_kernel_forget
step "look up each" look_up_all
step "mount again" remount
step "list after a remount" list_all
step "list with attributes after a remount" list_with_attributes
step "remove all" remove_all
step "mount again, all removed" remount
step "find it empty" is_empty
"$COPSE" umount "$folder" >/dev/null
"$COPSE" verify "$store" >/dev/null || fail "verify found damage"
