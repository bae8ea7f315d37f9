// SPDX-License-Identifier: MIT
// Guest, 64-bit: RSM with a state that no processor may be in shuts down (SDM vol. 3, "Exiting From SMM").
#include "guest.h"
#include "smm.h"

extern "C" void guest() {
    memset(reinterpret_cast<void*>(0x500), 0, sizeof(Notes));
    install_handler(reset_smbase);
    smi_on();
    raise_smi();
    is("RSM with the state as it was", notes.count, 1);
    patch(where(at_cr0), 0x80000010);     // PG without PE
    raise_smi();
    is("it must not get here", 1, 0);
}
