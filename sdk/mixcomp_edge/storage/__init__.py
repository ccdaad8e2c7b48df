"""The one place that writes: a file or a folder appears whole or not at all, and what is the user's own stays.

Everything is written under a hidden name beside its place and synced before it takes the place; what a killed process
leaves under such names, the next one that writes into the same folder clears away. Links are followed."""

from mixcomp_edge.storage.files import check_file, write_file
from mixcomp_edge.storage.folders import check_folder, check_room, make_folder, write_folder
from mixcomp_edge.storage.seal import check_sealed, digest, sealed, sealed_page, unsealed

__all__ = [
    "check_file", "check_folder", "check_room", "check_sealed", "digest", "make_folder", "sealed", "sealed_page",
    "unsealed", "write_file", "write_folder",
]  # fmt: skip
