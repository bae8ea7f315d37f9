// SPDX-License-Identifier: MIT
// A tiny assembler for ACPI Machine Language (ACPI 6, chapter 20): each function gives the bytes of one term.
#pragma once
#include "bios/bytes.h"
#include <initializer_list>
#include <string_view>

namespace aml {

using Terms = std::initializer_list<Bytes>;

Bytes join(Terms);
Bytes path(std::string_view);                     // "\\_SB_.PCI0", "LNKA": segments are padded with '_'
Bytes integer(u64);
Bytes string(std::string_view);
Bytes eisa_id(std::string_view);                  // "PNP0A03"
Bytes buffer(const Bytes&);
Bytes package(const std::vector<Bytes>& elements);

Bytes name(std::string_view, const Bytes& value);
Bytes scope(std::string_view, const Bytes& body);
Bytes device(std::string_view, const Bytes& body);
Bytes processor(std::string_view, u8 id, const Bytes& body);
Bytes method(std::string_view, unsigned arguments, bool serialized, const Bytes& body);

enum class RegionSpace : u8 { memory = 0, io = 1, pci_config = 2 };
struct FieldUnit { std::string_view name; unsigned bits; };       // an empty name skips bits
Bytes operation_region(std::string_view, RegionSpace, u64 offset, u64 length);
Bytes byte_field(std::string_view region, std::initializer_list<FieldUnit>);     // byte access, preserve
Bytes dword_field_of(const Bytes& buffer, u64 at, std::string_view name);        // CreateDWordField

Bytes argument(unsigned n);
Bytes local(unsigned n);
Bytes give(const Bytes& value);                                    // Return
Bytes store(const Bytes& value, const Bytes& target);
Bytes bit_and(const Bytes& a, const Bytes& b);
Bytes bit_or(const Bytes& a, const Bytes& b);
Bytes when(const Bytes& condition, const Bytes& body);             // If

// Resource descriptors (ACPI 6, 6.4); a template is a buffer of them with an end tag.
Bytes resources(Terms);
Bytes io(u16 base, u8 length, u8 alignment = 1);
Bytes irq(unsigned line);                                          // edge, high, exclusive
Bytes dma(unsigned channel);
Bytes memory32(u32 base, u32 length, bool writable);
Bytes level_interrupt(std::initializer_list<u32> gsis);            // level, high, shared
enum class Window : u8 { memory = 0, io = 1, bus = 2 };
Bytes word_window(Window, u16 first, u16 last);
Bytes dword_window(Window, u32 first, u32 last);
Bytes qword_window(Window, u64 first, u64 last);

}  // namespace aml
