"""PlatformIO's builder is SCons; this is pip's, where it looks for the one of its registry."""

from SCons.Script import main

main()
