// SPDX-License-Identifier: MIT
// Whether a qcow2 file is sound: every reference lies in the file, and is counted.
#pragma once
#include "iodev/media/qcow2/refcounts.h"

namespace qcow2 {

std::vector<u64> read_l1(File&, const Header&);
// Throws Error. Clusters that are counted and not used (leaks) do no harm.
void check(File&, const Header&, Refcounts&, const std::vector<u64>& l1);

}  // namespace qcow2
