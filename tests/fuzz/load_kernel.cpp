// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as a kernel file; a plan or one line of refusal must come out.
#include "base/error.h"
#include "bios/kernel.h"
#include <cstdlib>
#include <string_view>

static void require(bool condition) {
    if (!condition) std::abort();
}

// All that is placed lies in RAM, and the entry point below 4 GiB.
static void judge(const BootPlan& plan, u64 memory) {
    for (auto& p : plan.placements) {
        require(p.address + p.size() >= p.address && p.address + p.size() <= memory);
        require(p.address + p.size() <= 0xa0000 || p.address >= 0x100000 || p.size() == 0);
    }
    require(plan.entry.rip < u64{1} << 32);
    require(plan.rom.size() == 0x10000);
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static const BootRequest request{.kernel = "fuzz", .append = "console=ttyS0", .memory = u64{32} << 20};
    static const Firmware firmware = build_firmware(request);
    try {
        judge(plan_boot(request, firmware, Bytes(data, data + size)), request.memory);
    } catch (const Error& e) {
        std::string_view line = e.what();
        require(e.status == 2 && !line.empty() && line.find('\n') == line.npos);
    }
    return 0;
}
