// SPDX-License-Identifier: MIT
// Sockets for gdb, on loopback only.
#include "debugger/gdb/listen.h"
#include "base/error.h"
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace debugger::gdb {

namespace {

constexpr int patience = 10;                           // seconds that gdb may leave an answer unread

int bound(int fd, const sockaddr* address, socklen_t size, const std::string& what) {
    int on = 1;
    if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && ::bind(fd, address, size) == 0 && ::listen(fd, 1) == 0) return fd;
    std::string why = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    throw Error("--gdb " + what + ": cannot listen: " + why);
}

int open_tcp(const std::string& text) {
    auto colon = text.rfind(':');
    std::string host = colon == text.npos ? "?" : text.substr(0, colon), port = text.substr(colon + 1);
    if (!host.empty() && host != "127.0.0.1" && host != "localhost")
        throw Error("--gdb " + text + ": only loopback is listened on; write 127.0.0.1:PORT, :PORT or unix:PATH");
    u16 number = 0;
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || !number) throw Error("--gdb " + text + ": no port number (1 to 65535)");
    sockaddr_in address{};
    address.sin_family = AF_INET, address.sin_addr.s_addr = htonl(INADDR_LOOPBACK), address.sin_port = htons(number);
    return bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), reinterpret_cast<sockaddr*>(&address), sizeof address, text);
}

// Nobody but the user may connect.
int open_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) throw Error("--gdb unix:" + path + ": no usable socket path");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    mode_t kept = ::umask(0177);
    int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct Restore {
        mode_t mask;
        ~Restore() { ::umask(mask); }
    } restore{kept};
    return bound(fd, reinterpret_cast<sockaddr*>(&address), sizeof address, "unix:" + path);
}

}

Listener::Listener(const std::string& address) {
    std::signal(SIGPIPE, SIG_IGN);
    bool is_unix = address.starts_with("unix:");
    listening = is_unix ? open_unix(address.substr(5)) : open_tcp(address);
    if (is_unix) path = address.substr(5);
}

Listener::~Listener() {
    hang_up();
    ::close(listening);
    if (!path.empty()) ::unlink(path.c_str());
}

static bool readable(int fd, int milliseconds) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, milliseconds) > 0;
}

bool Listener::accept(int milliseconds) {
    if (!readable(listening, milliseconds)) return false;
    peer = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return false;
    int on = 1;
    timeval limit{patience, 0};
    ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return first = true;
}

// A page in a browser can make it connect to loopback: what doesn't begin as gdb does is hung up on.
std::vector<u8> Listener::receive(int milliseconds) {
    if (!connected() || !readable(peer, milliseconds)) return {};
    std::vector<u8> bytes(4096);
    ssize_t n = ::recv(peer, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) return {};
    bool stranger = n > 0 && first && !std::strchr("+-$\3", bytes[0]);
    if (n <= 0 || stranger) return hang_up(), std::vector<u8>{};
    first = false;
    bytes.resize(std::size_t(n));
    return bytes;
}

void Listener::send(std::string_view bytes) {
    while (connected() && !bytes.empty()) {
        ssize_t n = ::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n > 0) bytes.remove_prefix(std::size_t(n));
        else if (n == 0 || errno != EINTR) hang_up();
    }
}

void Listener::hang_up() {
    if (peer >= 0) ::close(peer);
    peer = -1;
}

}
