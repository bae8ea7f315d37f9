# SPDX-License-Identifier: MIT
# The files of cpu/.
cpu_sources =
