"""For all tests: threads that wait leave the processor to others, as on the command line.

With spinning threads, tests of a second take a minute where another program runs.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
