import argparse

import bench.serving
from bench.serving import measuring

parser = argparse.ArgumentParser(description=bench.serving.__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("parts", nargs="*", choices=[*measuring.PARTS, []], help="all, where none is named")
parser.add_argument("--seconds", type=float, default=12, help="of each measurement")
parser.add_argument("--largest", type=int, default=1_000_000, help="number of open slots")
given = parser.parse_args()
measuring.main(given.parts or list(measuring.PARTS), given.seconds, given.largest)
