"""How PlatformIO builds for the board: gcc, semihosting, and the vector table that QEMU starts from."""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
core = ["-mcpu=cortex-m4", "-mthumb", "-O2", "-ffunction-sections", "-fdata-sections"]
env.Replace(
    AR="arm-none-eabi-ar", AS="arm-none-eabi-as", CC="arm-none-eabi-gcc", CXX="arm-none-eabi-g++",
    LINK="arm-none-eabi-gcc", RANLIB="arm-none-eabi-ranlib", PROGSUFFIX=".elf", ARFLAGS=["rc"],
)  # fmt: skip
at_zero = ["-Wl,--gc-sections", "-Wl,--section-start=.vectors=0", "-Wl,--undefined=vectors"]
env.Append(CCFLAGS=[*core, "-Wall", "-Wextra", "-Werror"], LINKFLAGS=[*core, "--specs=rdimon.specs", *at_zero])
vectors = env.PioPlatform().get_dir() + "/vectors.c"
env.Append(PIOBUILDFILES=env.Object("$BUILD_DIR/vectors.o", vectors))
AlwaysBuild(Default(env.BuildProgram()))
