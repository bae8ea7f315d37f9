// SPDX-License-Identifier: MIT
// The disks, CDs and floppies that the options name, and the drives that they go into.
#pragma once
#include "machine/options.h"
#include "machine/pc.h"

// Throws Error when an image can't be used, or there are more than drives.
void insert_media(Pc&, const Options&);
