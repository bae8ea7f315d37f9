// SPDX-License-Identifier: MIT
// fw_cfg: the items, the two ports, and one DMA descriptor at a time.
#include "iodev/fw_cfg.h"
#include "base/error.h"
#include <algorithm>

static constexpr u32 dma_error = 1, dma_reads = 2, dma_skips = 4, dma_selects = 8, dma_writes = 16;
static constexpr u32 most_zeros = 0x10000;
static constexpr std::string_view dma_signature = "QEMU CFG";

static void append_big_endian(FwCfg::Bytes& bytes, u64 value, unsigned width) {
    for (unsigned i = width; i-- > 0;) bytes.push_back(u8(value >> i * 8));
}
static void append_little_endian(FwCfg::Bytes& bytes, u64 value, unsigned width) {
    for (unsigned i = 0; i < width; i++) bytes.push_back(u8(value >> i * 8));
}
static u64 big_endian(std::span<const u8> bytes) {
    u64 value = 0;
    for (u8 byte : bytes) value = value << 8 | byte;
    return value;
}

FwCfg::FwCfg(BusMaster& bus) : bus(bus) {
    add(signature, {'Q', 'E', 'M', 'U'});
    add32(id, 3);                           // bit 0: the ports, bit 1: DMA
    list_files();
}

void FwCfg::add(u16 key, Bytes bytes) { items[key].bytes = std::move(bytes); }
void FwCfg::add16(u16 key, u16 value) { add(key, {u8(value), u8(value >> 8)}); }
void FwCfg::add32(u16 key, u32 value) {
    Bytes bytes;
    append_little_endian(bytes, value, 4);
    add(key, std::move(bytes));
}
void FwCfg::add64(u16 key, u64 value) {
    Bytes bytes;
    append_little_endian(bytes, value, 8);
    add(key, std::move(bytes));
}

void FwCfg::add(const std::string& name, Bytes bytes) {
    add_writable(name, std::move(bytes)), items[files[name]].writable = false;
}

void FwCfg::add_writable(const std::string& name, Bytes bytes,
                         std::function<void(const Bytes&)> written) {
    constexpr std::size_t most_files = 0x1000, longest_name = 55;
    if (name.empty() || name.size() > longest_name || files.size() >= most_files)
        throw Error("fw_cfg: the file \"" + name +
                        "\" cannot be added: its name is too long or there are too many",
                    4);
    auto [at, added] = files.try_emplace(name, u16(first_file + files.size()));
    items[at->second] = Item{std::move(bytes), true, std::move(written)};
    list_files();
}

void FwCfg::add_kernel(Bytes setup, Bytes kernel, Bytes initrd, const std::string& command_line) {
    Bytes line(command_line.begin(), command_line.end());
    line.push_back(0);
    add32(setup_size, u32(setup.size())), add(setup_data, std::move(setup));
    add32(kernel_size, u32(kernel.size())), add(kernel_data, std::move(kernel));
    add32(initrd_size, u32(initrd.size())), add(initrd_data, std::move(initrd));
    add32(cmdline_size, u32(line.size())), add(cmdline_data, std::move(line));
}

void FwCfg::add_memory_map(const std::vector<E820>& map) {
    Bytes entries;
    for (auto& range : map) {
        append_little_endian(entries, range.address, 8);
        append_little_endian(entries, range.length, 8);
        append_little_endian(entries, range.type, 4);
    }
    Bytes counted;
    append_little_endian(counted, map.size(), 4);
    counted.insert(counted.end(), entries.begin(), entries.end());
    add(e820, std::move(counted));
    add("etc/e820", std::move(entries));
}

// Count, then {size, key, 0, name} for each file; big-endian.
void FwCfg::list_files() {
    Bytes list;
    append_big_endian(list, files.size(), 4);
    for (auto& [name, key] : files) {
        append_big_endian(list, items[key].bytes.size(), 4);
        append_big_endian(list, key, 2);
        append_big_endian(list, 0, 2);
        list.insert(list.end(), name.begin(), name.end());
        list.insert(list.end(), 56 - name.size(), 0);
    }
    add(directory, std::move(list));
}

const FwCfg::Bytes* FwCfg::item(u16 key) const {
    auto found = items.find(key);
    return found == items.end() ? nullptr : &found->second.bytes;
}
const FwCfg::Bytes* FwCfg::file(const std::string& name) const {
    auto found = files.find(name);
    return found == files.end() ? nullptr : item(found->second);
}

void FwCfg::reset(Reset) {
    select(0);
    dma_address = 0;
}

void FwCfg::visit(Archive& a) {
    a("selected", selected), a("offset", offset), a("dma_address", dma_address);
    for (auto& [key, item] : items)
        if (item.writable) a("item " + std::to_string(key), item.bytes);
}

// Bit 14 asks for writing, which needs no mode here.
void FwCfg::select(u16 key) {
    selected = key & 0xbfff;
    offset = 0;
}

u8 FwCfg::next_byte() {
    auto* bytes = item(selected);
    return bytes && offset < bytes->size() ? (*bytes)[offset++] : 0;
}

u32 FwCfg::in(u16 at, unsigned width) {
    u32 value = 0;
    for (unsigned i = 0; i < width; i++) {
        unsigned port = at + i;
        u8 byte = port < 2                 ? next_byte()
                  : port >= 4 && port < 12 ? u8(dma_signature[port - 4])
                                           : 0xff;
        value |= u32(byte) << i * 8;
    }
    return value;
}

// The address is big-endian: its most significant byte is written to the first port. The last one
// starts it.
void FwCfg::out(u16 at, unsigned width, u32 value) {
    if (at == 0 && width == 2) return select(u16(value));
    for (unsigned i = 0; i < width; i++) {
        unsigned port = at + i;
        if (port < 4 || port >= 12) continue;
        unsigned shift = (11 - port) * 8;
        dma_address = (dma_address & ~(u64{0xff} << shift)) | u64(u8(value >> i * 8)) << shift;
    }
    if (at <= 11 && at + width > 11) run_dma();
}

// The descriptor is copied once; its control word is overwritten with the result.
void FwCfg::run_dma() {
    Physical at(dma_address);
    dma_address = 0;
    std::array<u8, 16> raw{};
    if (!bus.read(at, raw)) return;
    std::span<const u8> bytes(raw);
    bool done = transfer({u32(big_endian(bytes.first(4))), u32(big_endian(bytes.subspan(4, 4))),
                          big_endian(bytes.subspan(8, 8))});
    std::array<u8, 4> result{0, 0, 0, u8(done ? 0 : dma_error)};
    bus.write(at, result);
}

bool FwCfg::transfer(const Control& c) {
    if (c.flags & dma_selects) select(u16(c.flags >> 16));
    auto found = items.find(selected);
    Item* item = found == items.end() ? nullptr : &found->second;
    if (c.flags & dma_reads) return dma_read(item, c);
    if (c.flags & dma_writes) return dma_write(item, c);
    if (c.flags & dma_skips) offset = u32(std::min<u64>(u64(offset) + c.length, 0xffffffff));
    return true;
}

bool FwCfg::dma_read(const Item* item, const Control& c) {
    u64 size = item ? item->bytes.size() : 0, left = size > offset ? size - offset : 0;
    u32 copied = u32(std::min<u64>(left, c.length)), zeros = c.length - copied;
    if (zeros > most_zeros || c.address + c.length < c.address) return false;
    if (copied && !bus.write(Physical(c.address), std::span(item->bytes).subspan(offset, copied)))
        return false;
    offset += copied;
    if (zeros == 0) return true;
    return bus.write(Physical(c.address + copied), Bytes(zeros));
}

bool FwCfg::dma_write(Item* item, const Control& c) {
    u64 size = item ? item->bytes.size() : 0;
    if (!item || !item->writable || offset > size || c.length > size - offset) return false;
    if (!bus.read(Physical(c.address), std::span(item->bytes).subspan(offset, c.length)))
        return false;
    offset += c.length;
    if (item->written) item->written(item->bytes);
    return true;
}
