from platformio.public import PlatformBase


class MixcompPlatform(PlatformBase):
    pass
