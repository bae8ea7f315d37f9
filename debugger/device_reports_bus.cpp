// SPDX-License-Identifier: MIT
// PCI functions, serial ports and IDE channels in words.
#include "debugger/device_reports.h"
#include "debugger/state_tree.h"
#include "iodev/ide/cd.h"
#include "machine/pc.h"

namespace debugger::devices {

// ---- PCI (PCI 3.0, chapter 6)

static void add_windows(Result& result, const PciFunction& f) {
    for (auto& w : f.windows()) {
        const char* kind = w.io ? "ports" : w.rom ? "ROM" : w.wide ? "memory, 64 bits" : "memory";
        std::string name = w.rom ? "ROM" : "BAR " + std::to_string(w.bar);
        result.add(format("    %-6s %s at %llx to %llx%s", name.c_str(), kind, 0ull + w.base, 0ull + w.base + w.size - 1, w.on ? "" : ", not decoded"))
            .with("kind", "bar").count("bar", w.bar).with("space", kind).address("base", w.base).address("size", w.size).flag("decoded", w.on);
    }
}

static void add_capabilities(Result& result, PciFunction& f) {
    static constexpr struct {
        u8 id;
        const char* name;
    } names[] = {{0x01, "power management"}, {0x05, "MSI"}, {0x09, "vendor's own"}, {0x10, "PCI Express"}, {0x11, "MSI-X"}};
    if (!(f.config_read(6, 2) & 0x10)) return;
    u8 at = u8(f.config_read(0x34, 1) & 0xfc);
    for (unsigned n = 0; at >= 0x40 && n < 48; n++, at = u8(f.config_read(at + 1u, 1) & 0xfc)) {
        u32 id = f.config_read(at, 1), word = f.config_read(at + 2u, 2);
        const char* name = "capability";
        for (auto& c : names)
            if (c.id == id) name = c.name;
        bool messages = id == 5 || id == 0x11, on = messages && word & (id == 5 ? 1u : 0x8000u);
        result.add(format("    %02x     %s%s", at, name, !messages ? "" : on ? ", enabled" : ", disabled")).with("kind", "capability").address("offset", at)
            .address("id", id).with("name", name).flag("enabled", on);
    }
}

static void add_function(Result& result, Pc& pc, unsigned slot, unsigned number, PciFunction& f, u8 asserted) {
    static constexpr BitWord commands[] = {{1, "ports"}, {2, "memory"}, {4, "bus master"}, {0x400, "INTx disabled"}};
    u32 vendor = f.config_read(0, 2), device = f.config_read(2, 2), kind = f.config_read(8, 4) >> 8, command = f.config_read(4, 2);
    std::string on = words_of(commands, command);
    auto& line = result.add(format("00:%02x.%u  %04x:%04x  class %06x  %-14s on: %s", slot, number, vendor, device, kind, std::string(f.name()).c_str(),
        on.c_str()));
    line.with("kind", "function").count("slot", slot).count("function", number).with("name", f.name()).address("vendor", vendor).address("device", device)
        .address("class", kind).address("command", command).address("status", f.config_read(6, 2)).with("on", on);
    if (f.pin()) {
        unsigned pirq = PciBus::pirq_of(slot, f.pin());
        u32 route = pc.isa_bridge.config_read(0x60 + pirq, 1);
        std::string irq = route & 0x80 ? "no IRQ" : "IRQ " + std::to_string(route & 15);
        line.text += format("; INT%c, PIRQ%c, %s%s", 'A' + char(f.pin() - 1), 'A' + char(pirq), irq.c_str(), asserted ? ", asserted" : "");
        line.count("pin", f.pin()).count("pirq", pirq).with("irq", irq).flag("asserted", asserted);
    }
    add_windows(result, f);
    add_capabilities(result, f);
}

Result pci(Pc& pc) {
    Result result;
    auto s = state_of(pc.pci);
    result.add(format("PCI bus 0    configuration address %llx", 0ull + s["address"])).with("kind", "pci").address("address", s["address"]);
    for (unsigned n = 0; n < 256; n++)
        if (auto* f = pc.pci.function(n / 8, n % 8)) add_function(result, pc, n / 8, n % 8, *f, s.item("asserted").bytes.at(n));
    return result;
}

// ---- serial ports (PC16550D)

static void add_port(Result& result, Pc& pc, Uart& port, const char* name) {
    static constexpr BitWord enables[] = {{1, "data"}, {2, "sender empty"}, {4, "line status"}, {8, "modem status"}};
    static constexpr BitWord line_bits[] = {{0x01, "data ready"}, {0x02, "overrun"}, {0x04, "parity error"}, {0x08, "framing error"}, {0x10, "break"},
                                            {0x20, "holding register empty"}, {0x40, "idle"}, {0x80, "error in the FIFO"}};
    static constexpr BitWord modem_bits[] = {{0x10, "CTS"}, {0x20, "DSR"}, {0x40, "RI"}, {0x80, "DCD"}},
        outputs[] = {{1, "DTR"}, {2, "RTS"}, {4, "OUT1"}, {8, "OUT2"}, {16, "loopback"}};
    static constexpr const char* causes[] = {"modem status", "sender empty", "data", "line status", "?", "?", "time-out", "?"};
    TimeApart clock(pc.clock);
    Uart chip(clock, ::Line(), [](u8) {});
    auto s = state_of(port);
    StateLoader loader(s);
    chip.visit(loader);
    u8 format_of = u8(s["line_control"]), modem = u8(s["modem_control"]), enabled = u8(s["enables"]), cause = u8(chip.get(2));
    u8 status = chip.get(5), inputs = chip.get(6);
    unsigned divisor = s["divisor"] ? unsigned(s["divisor"]) : 65536, baud = 115200 / divisor;
    char parity = !(format_of & 8) ? 'N' : format_of & 0x20 ? format_of & 0x10 ? 'S' : 'M' : format_of & 0x10 ? 'E' : 'O';
    std::string frame = format("%u%c%s", 5 + (format_of & 3), parity, !(format_of & 4) ? "1" : format_of & 3 ? "2" : "1.5");
    bool fifos = s["fifo_control"] & 1, pending = !(cause & 1);
    std::string on = words_of(enables, enabled), why = pending ? causes[cause >> 1 & 7] : "none";
    result.add(format("%s         %u baud, %s%s, FIFOs %s, %llu bytes received, interrupt %s", name, baud, frame.c_str(), format_of & 0x80 ? ", DLAB" : "",
                      fifos ? "on" : "off", 0ull + s["received.count"], s["interrupt.level"] ? "high" : "low"))
        .with("kind", "serial").with("name", name).count("baud", baud).with("frame", frame).flag("dlab", format_of & 0x80).flag("fifos", fifos)
        .count("received", s["received.count"]).flag("interrupt", s["interrupt.level"]).count("divisor", divisor);
    result.add("  interrupts enabled: " + on + "; pending: " + why).with("kind", "serial_interrupts").with("name", name).with("enabled", on)
        .with("pending", why);
    std::string line_text = words_of(line_bits, status), in = words_of(modem_bits, inputs), out = words_of(outputs, modem);
    result.add("  line: " + line_text + "; inputs: " + in + "; outputs: " + out).with("kind", "serial_lines").with("name", name).with("line", line_text)
        .with("inputs", in).with("outputs", out).address("line_status", status).address("modem_status", inputs).address("modem_control", modem);
}

Result serial(Pc& pc) {
    Result result;
    add_port(result, pc, pc.com1, "COM1");
    add_port(result, pc, pc.com2, "COM2");
    return result;
}

// ---- IDE (ATA/ATAPI-6; 82371SB)

static void add_drive(Result& result, ide::Drive& drive, unsigned channel, unsigned number, bool selected) {
    static constexpr BitWord statuses[] = {{ide::bsy, "BSY"}, {ide::drdy, "DRDY"}, {ide::df, "DF"}, {ide::dsc, "DSC"}, {ide::drq, "DRQ"}, {ide::err, "ERR"}};
    auto& r = drive.registers;
    auto s = state_of(drive);
    bool cd = dynamic_cast<ide::Cd*>(&drive), dma = s["waits_for_dma"];
    const char* kind = cd ? "CD" : "disk";
    std::string status = words_of(statuses, r.status);
    u64 left = s["left"];
    result.add(format("  drive %u    %-4s %s%llu bytes; status %s; error %02x; LBA %llx, count %x (of 48 bits: %llx, %x)%s%s%s", number, kind,
        drive.medium.present() ? "" : "empty, ",
                      0ull + drive.medium.size(), status.c_str(), r.error, 0ull + r.lba28(), r.count.now,
                      0ull + r.lba48(), r.count.both(),
                      left ? format("; %llu bytes to move", 0ull + left).c_str() : "", drive.interrupt() ? "; interrupt pending" : "",
                          selected ? "; selected" : ""))
        .with("kind", "drive").count("channel", channel).count("drive", number).with("type", kind).flag("medium", drive.medium.present())
        .count("size", drive.medium.size()).with("status", status).address("status_register", r.status).address("error", r.error).address("lba", r.lba28())
        .address("lba48", r.lba48())
        .count("count", r.count.now).count("count48", r.count.both()).address("device", r.device).count("left", left).flag("interrupt", drive.interrupt())
        .flag("selected", selected)
        .flag("waits_for_dma", dma);
}

Result ide(Pc& pc) {
    Result result;
    for (unsigned n = 0; n < 2; n++) {
        auto& channel = pc.ide.channel(n);
        auto s = state_of(channel);
        u64 command = s["bus_master.command"], status = s["bus_master.status"];
        result.add(format("IDE %-8s bus master %s %s memory, table at %llx%s%s%s; IRQ %s", n ? "1" : "0", command & 1 ? "runs" : "stands",
            command & 8 ? "to" : "from",
                          0ull + s["bus_master.table"], status & 1 ? ", active" : "", status & 2 ? ", error" : "", status & 4 ? ", interrupt" : "",
                          s["irq.level"] ? "high" : "low"))
            .with("kind", "channel").count("channel", n).flag("started", command & 1).flag("to_memory", command & 8).address("table", s["bus_master.table"])
            .flag("active", status & 1).flag("error", status & 2).flag("bus_master_interrupt", status & 4).flag("irq", s["irq.level"])
            .address("control", s["control"]);
        for (unsigned d = 0; d < 2; d++)
            if (auto* drive = channel.attached(d)) add_drive(result, *drive, n, d, d == s["selected"]);
    }
    return result;
}

}
