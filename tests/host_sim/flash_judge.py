"""The flash model as slow and obvious Python: caches are ordered dictionaries, time is a fraction of a cycle."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction


class JudgeCache:
    def __init__(self, cache, sector_bytes):
        self.lines = cache.bytes // cache.line_bytes if cache else 0
        if cache:
            self.ways, self.line_bytes, self.sector_bytes = cache.ways, cache.line_bytes, sector_bytes
            self.sets = [OrderedDict() for _ in range(self.lines // cache.ways)]  # line -> sectors that are filled

    def access(self, address):
        """Whether it was there; now it is."""
        line, sector = address // self.line_bytes, address // self.sector_bytes
        chosen = self.sets[line % len(self.sets)]
        if line in chosen:
            chosen.move_to_end(line)
        else:
            if len(chosen) == self.ways:
                chosen.popitem(last=False)
            chosen[line] = set()
        hit = sector in chosen[line]
        chosen[line].add(sector)
        return hit


class Judge:
    """Feed it `execute` and `read`; `stalls` and `misses` are [fetches, reads]."""

    def __init__(self, flash, pace):
        self.flash, self.pace = flash, Fraction(round(256 * pace), 256)
        self.icache = JudgeCache(flash.icache, flash.read_bytes)
        self.dcache = self.icache if flash.unified else JudgeCache(flash.dcache, flash.read_bytes)
        self.now, self.busy = Fraction(0), Fraction(0)
        self.sector, self.coming, self.coming_at = None, None, Fraction(0)
        self.stalls, self.misses = [Fraction(0), Fraction(0)], [0, 0]

    def wait(self, kind, until):
        if until > self.now:
            self.stalls[kind] += until - self.now
            self.now = until

    def array(self):
        """Start a read of the array; when it ends."""
        self.busy = max(self.busy, self.now) + self.flash.wait_states + self.flash.refill_cycles
        return self.busy

    def execute(self, address, size):
        for halfword in range(address, address + size, 2):
            sector = halfword // self.flash.read_bytes
            if sector != self.sector:
                self.sector = sector
                if not (self.icache.lines and self.icache.access(halfword)):
                    if sector == self.coming:
                        self.wait(0, self.coming_at)
                    else:
                        self.misses[0] += 1
                        self.wait(0, self.array())
                if self.flash.prefetch and self.coming != sector + 1:
                    self.coming, self.coming_at = sector + 1, self.array()
            self.now += self.pace

    def read(self, address):
        if not (self.dcache.lines and self.dcache.access(address)):
            self.misses[1] += 1
            self.wait(1, self.array())
