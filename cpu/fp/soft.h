// SPDX-License-Identifier: MIT
// The soft-float: one template over the format (f16, bfloat16, f32, f64, f80), the reference that the host's units are compared with,
// and what runs where the host has none.
#pragma once
#include "cpu/fp/soft/arithmetic.h"
#include "cpu/fp/soft/compare.h"
#include "cpu/fp/soft/convert.h"
#include "cpu/fp/soft/x87.h"
