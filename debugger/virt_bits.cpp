// SPDX-License-Identifier: MIT
// Tables of bits: SDM vol. 3, 25.4 to 25.9 and 28.2; APM vol. 2, appendix B, 15.7 to 15.10 and 15.20.
#include "debugger/virt_bits.h"
#include "cpu/svm/intercepts.h"
#include "cpu/vmx/capabilities.h"
#include "cpu/vmx/exits.h"

namespace debugger {

namespace {

// ---- VMX

constexpr BitText exit_reason_bits[] = {
    {15, 0, "basic reason", "appendix C of SDM vol. 3"},
    {28, 28, "pending MTF", "an SMI came with a monitor trap pending"},
    {29, 29, "from root", "the exit came from VMX root operation"},
    {31, 31, "entry failure", "a VM entry failed: no guest has run"},
};
constexpr BitText interruption_bits[] = {
    {7, 0, "vector", "of the interrupt or exception"},
    {10, 8, "type", "0 external, 2 NMI, 3 hardware exception, 4 software interrupt, 5 INT1, 6 INT3 or INTO, 7 other"},
    {11, 11, "error code", "one is valid, or delivered"},
    {12, 12, "NMI unblocking", "IRET had unblocked NMIs"},
    {31, 31, "valid", "there is an event"},
};
constexpr BitText rights_bits[] = {
    {3, 0, "type", "of the segment"},
    {4, 4, "S", "code or data, not system"},
    {6, 5, "DPL", "privilege level"},
    {7, 7, "P", "present"},
    {12, 12, "AVL", "software's"},
    {13, 13, "L", "64-bit code"},
    {14, 14, "D/B", "32-bit operands or stack"},
    {15, 15, "G", "the limit is in pages"},
    {16, 16, "unusable", "a null segment"},
};
constexpr BitText interruptibility_bits[] = {
    {0, 0, "STI", "blocking by STI"},
    {1, 1, "MOV SS", "blocking by MOV SS"},
    {2, 2, "SMI", "blocking by SMI"},
    {3, 3, "NMI", "blocking by NMI, or of virtual NMIs"},
    {4, 4, "enclave", "the interruption was inside an enclave"},
};
constexpr BitText pending_debug_bits[] = {
    {0, 0, "B0", "DR0 was met"},
    {1, 1, "B1", "DR1 was met"},
    {2, 2, "B2", "DR2 was met"},
    {3, 3, "B3", "DR3 was met"},
    {12, 12, "enabled breakpoint", "at least one that DR7 enables"},
    {14, 14, "BS", "a single step"},
    {16, 16, "RTM", "in a transaction"},
};
constexpr BitText eptp_bits[] = {
    {2, 0, "memory type", "of the tables: 0 UC, 6 WB"},
    {5, 3, "levels less one", "3: four levels"},
    {6, 6, "A/D", "accessed and dirty flags are set"},
};
constexpr BitText activity_bits[] = {{1, 0, "state", "0 active, 1 HLT, 2 shutdown, 3 wait-for-SIPI"}};
constexpr BitText status_bits[] = {
    {7, 0, "RVI", "requesting virtual interrupt"},
    {15, 8, "SVI", "servicing virtual interrupt"},
};

constexpr BitText debug_qualification[] = {
    {0, 0, "B0", "DR0 was met"},
    {1, 1, "B1", "DR1 was met"},
    {2, 2, "B2", "DR2 was met"},
    {3, 3, "B3", "DR3 was met"},
    {13, 13, "BD", "a debug register was touched"},
    {14, 14, "BS", "a single step"},
};
constexpr BitText task_switch_bits[] = {
    {15, 0, "selector", "of the new TSS"},
    {31, 30, "source", "0 CALL, 1 IRET, 2 JMP, 3 task gate in the IDT"},
};
constexpr BitText control_register_bits[] = {
    {3, 0, "CR", "which control register; 0 for CLTS and LMSW"},
    {5, 4, "type", "0 MOV to CR, 1 MOV from CR, 2 CLTS, 3 LMSW"},
    {6, 6, "memory", "LMSW's operand is in memory"},
    {11, 8, "register", "general register, 0 is RAX, 4 RSP"},
    {31, 16, "LMSW source", "the word that LMSW would have loaded"},
};
constexpr BitText mov_dr_bits[] = {
    {2, 0, "DR", "which debug register"},
    {4, 4, "from", "MOV from DR"},
    {11, 8, "register", "general register"},
};
constexpr BitText io_bits[] = {
    {2, 0, "size less one", "0 byte, 1 word, 3 doubleword"},
    {3, 3, "in", "IN or INS"},
    {4, 4, "string", "INS or OUTS"},
    {5, 5, "rep", "with REP"},
    {6, 6, "immediate", "the port is an immediate"},
    {31, 16, "port", "the port"},
};
constexpr BitText apic_access_bits[] = {
    {11, 0, "offset", "in the APIC page"},
    {15, 12, "type", "0 read, 1 write, 2 fetch, 3 during event delivery, 10 and 15 guest-physical"},
};
constexpr BitText offset_bits[] = {{11, 0, "offset", "in the APIC page, or the vector of a virtualized EOI"}};
constexpr BitText failure_bits[] = {
    {2, 0, "what", "2 PDPTEs, 3 NMI injection, 4 VMCS link pointer, else 0; with MSR loading the entry's number"},
};
constexpr BitText sub_page_bits[] = {
    {11, 11, "miss", "no valid entry; else a misconfiguration"},
    {12, 12, "NMI unblocking", "IRET had unblocked NMIs"},
};

std::span<const BitText> qualification_of(u64 reason) {
    using vmx::Reason;
    switch (Reason(reason & 0xffff)) {
    case Reason::exception_or_nmi: return debug_qualification;
    case Reason::task_switch: return task_switch_bits;
    case Reason::control_register: return control_register_bits;
    case Reason::mov_dr: return mov_dr_bits;
    case Reason::io_instruction: return io_bits;
    case Reason::apic_access: return apic_access_bits;
    case Reason::apic_write: case Reason::virtualized_eoi: return offset_bits;
    case Reason::ept_violation: return violation_bits;
    case Reason::sub_page: return sub_page_bits;
    case Reason::entry_failure_guest_state: case Reason::entry_failure_msr_loading: return failure_bits;
    default: return {};
    }
}

// ---- SVM

constexpr BitText event_bits[] = {
    {7, 0, "vector", "of the interrupt or exception"},
    {10, 8, "type", "0 INTR, 2 NMI, 3 exception, 4 software interrupt"},
    {11, 11, "EV", "the error code is valid"},
    {31, 31, "V", "there is an event"},
    {63, 32, "error code", "of the exception"},
};
constexpr BitText interrupt_control_bits[] = {
    {7, 0, "V_TPR", "virtual task priority"},
    {8, 8, "V_IRQ", "a virtual interrupt is pending"},
    {9, 9, "V_GIF", "the virtual global interrupt flag"},
    {11, 11, "V_NMI", "a virtual NMI is pending"},
    {12, 12, "V_NMI_MASK", "virtual NMIs are masked"},
    {19, 16, "V_INTR_PRIO", "priority of the virtual interrupt"},
    {20, 20, "V_IGN_TPR", "V_TPR is ignored"},
    {24, 24, "V_INTR_MASKING", "the guest's IF masks virtual interrupts alone"},
    {25, 25, "V_GIF enable", "the guest has a GIF of its own"},
    {26, 26, "V_NMI enable", "the guest has NMIs of its own"},
    {31, 31, "AVIC", "the guest has a local APIC of its own"},
    {39, 32, "V_INTR_VECTOR", "of the virtual interrupt"},
};
constexpr BitText attributes_bits[] = {
    {3, 0, "type", "of the segment"},
    {4, 4, "S", "code or data, not system"},
    {6, 5, "DPL", "privilege level"},
    {7, 7, "P", "present"},
    {8, 8, "AVL", "software's"},
    {9, 9, "L", "64-bit code"},
    {10, 10, "D/B", "32-bit operands or stack"},
    {11, 11, "G", "the limit is in pages"},
};
constexpr BitText nested_control_bits[] = {
    {0, 0, "NP_ENABLE", "nested paging"},
    {3, 3, "GMET", "guest-mode execute trap"},
};
constexpr BitText extension_bits[] = {
    {0, 0, "LBR", "last branches are virtualized"},
    {1, 1, "VMLOAD/VMSAVE", "they are the guest's"},
};
constexpr BitText shadow_bits[] = {
    {0, 0, "shadow", "of STI or MOV SS"},
    {1, 1, "guest IF", "for guests with encrypted state"},
};
constexpr BitText tlb_control_bits[] = {
    {2, 0, "TLB_CONTROL", "0 nothing, 1 all, 3 this ASID, 7 this ASID but globals"},
};
constexpr BitText clean_bits[] = {
    {0, 0, "I", "intercepts, TSC offset, PAUSE filter"},
    {1, 1, "IOPM", "bases of the permission maps"},
    {2, 2, "ASID", "ASID"},
    {3, 3, "TPR", "virtual interrupts"},
    {4, 4, "NP", "nested paging"},
    {5, 5, "CRx", "CR0, CR3, CR4, EFER"},
    {6, 6, "DRx", "DR6, DR7"},
    {7, 7, "DT", "GDT, IDT"},
    {8, 8, "SEG", "segments, CPL"},
    {9, 9, "CR2", "CR2"},
    {10, 10, "LBR", "last branches"},
    {11, 11, "AVIC", "AVIC's addresses"},
};
constexpr BitText io_information[] = {
    {0, 0, "in", "IN or INS"},
    {2, 2, "string", "INS or OUTS"},
    {3, 3, "rep", "with REP"},
    {4, 4, "8 bits", "operand size"},
    {5, 5, "16 bits", "operand size"},
    {6, 6, "32 bits", "operand size"},
    {7, 7, "A16", "address size 16"},
    {8, 8, "A32", "address size 32"},
    {9, 9, "A64", "address size 64"},
    {12, 10, "segment", "0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS"},
    {31, 16, "port", "the port"},
};
constexpr BitText msr_information[] = {{0, 0, "write", "WRMSR; else RDMSR"}};
constexpr BitText cr_information[] = {
    {3, 0, "register", "general register"},
    {63, 63, "MOV", "by MOV: the register is valid"},
};

std::span<const BitText> information_of(u64 code) {
    using svm::Exit;
    if (code == u64(Exit::nested_page_fault)) return nested_fault_bits;
    if (code == u64(Exit::exception) + 14) return error_code_bits;
    if (code == u64(Exit::ioio)) return io_information;
    if (code == u64(Exit::msr)) return msr_information;
    if (code < 0x40) return cr_information;
    return {};
}

}

std::span<const BitText> bits_of(vmx::Field f, u64 exit_reason) {
    using vmx::Field;
    if (f >= Field::guest_es_rights && f <= Field::guest_tr_rights) return rights_bits;
    switch (f) {
    case Field::exit_reason: return exit_reason_bits;
    case Field::exit_qualification: return qualification_of(exit_reason);
    case Field::exit_interruption: case Field::idt_vectoring: case Field::entry_interruption: return interruption_bits;
    case Field::guest_interruptibility: return interruptibility_bits;
    case Field::guest_pending_debug: return pending_debug_bits;
    case Field::guest_activity: return activity_bits;
    case Field::guest_interrupt_status: return status_bits;
    case Field::ept_pointer: return eptp_bits;
    default: return {};
    }
}

std::span<const BitText> bits_of(svm::Field f, u64 exit_code) {
    using svm::Field;
    switch (f) {
    case Field::exit_int_info: case Field::event_injection: return event_bits;
    case Field::interrupt_control: return interrupt_control_bits;
    case Field::nested_control: return nested_control_bits;
    case Field::virtual_extensions: return extension_bits;
    case Field::interrupt_shadow: return shadow_bits;
    case Field::tlb_control: return tlb_control_bits;
    case Field::clean: return clean_bits;
    case Field::exit_info1: return information_of(exit_code);
    case Field::es_attributes: case Field::cs_attributes: case Field::ss_attributes: case Field::ds_attributes: case Field::fs_attributes:
    case Field::gs_attributes: case Field::ldtr_attributes: case Field::tr_attributes: return attributes_bits;
    default: return {};
    }
}

std::string_view name_of(svm::Field field) {
    static constexpr std::string_view names[] = {
#define FIELD(name, offset, bytes, clean, text) #name,
#include "cpu/svm/vmcb_fields.def"
    };
    return names[unsigned(field)];
}

std::vector<BitText> control_bits(vmx::Field word) {
    std::vector<BitText> out;
    for (auto& r : vmx::control_rows)
        if (r.control.word == word) out.push_back({r.control.bit, r.control.bit, r.text, r.name});
    return out;
}

}
