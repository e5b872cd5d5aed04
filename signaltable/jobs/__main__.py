"""`python -m signaltable.jobs`: the process that runs the jobs."""

import sys

from signaltable.jobs.process import main

sys.exit(main())
