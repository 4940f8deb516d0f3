// Gives the shared test library a translation unit for its precompiled headers.
