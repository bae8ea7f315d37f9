// SPDX-License-Identifier: MIT
// Sockets, on loopback only.
#include "debugger/sockets.h"
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

namespace debugger {

namespace {

constexpr int patience = 10;                           // seconds that somebody may leave an answer unread

int bound(int fd, const sockaddr* address, socklen_t size, const std::string& what) {
    int on = 1;
    if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && ::bind(fd, address, size) == 0 && ::listen(fd, 1) == 0) return fd;
    std::string why = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    throw Error(what + ": cannot listen: " + why);
}

int open_tcp(const std::string& what, const std::string& text) {
    auto colon = text.rfind(':');
    std::string host = colon == text.npos ? "?" : text.substr(0, colon), port = text.substr(colon + 1);
    if (!host.empty() && host != "127.0.0.1" && host != "localhost")
        throw Error(what + ": only loopback is listened on; write 127.0.0.1:PORT, :PORT or unix:PATH");
    u16 number = 0;
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || !number) throw Error(what + ": no port number (1 to 65535)");
    sockaddr_in address{};
    address.sin_family = AF_INET, address.sin_addr.s_addr = htonl(INADDR_LOOPBACK), address.sin_port = htons(number);
    return bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), reinterpret_cast<sockaddr*>(&address), sizeof address, what);
}

// Nobody but the user may connect.
int open_unix(const std::string& what, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) throw Error(what + ": no usable socket path");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    mode_t kept = ::umask(0177);
    int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct Restore {
        mode_t mask;
        ~Restore() { ::umask(mask); }
    } restore{kept};
    return bound(fd, reinterpret_cast<sockaddr*>(&address), sizeof address, what);
}

}

Listener::Listener(const std::string& option, const std::string& address) {
    std::signal(SIGPIPE, SIG_IGN);
    std::string what = option + " " + address;
    bool is_unix = address.starts_with("unix:");
    fd = is_unix ? open_unix(what, address.substr(5)) : open_tcp(what, address);
    if (is_unix) path = address.substr(5);
}

Listener::~Listener() {
    ::close(fd);
    if (!path.empty()) ::unlink(path.c_str());
}

static bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 0) > 0;
}

std::unique_ptr<Connection> Listener::accept() {
    int peer = readable(fd) ? ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC) : -1;
    if (peer < 0) return nullptr;
    int on = 1;
    timeval limit{patience, 0};
    ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return std::make_unique<Connection>(peer);
}

std::string Connection::receive() {
    if (!open()) return {};
    std::string bytes(16384, 0);
    ssize_t n = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (n <= 0) return hang_up(), std::string();
    bytes.resize(std::size_t(n));
    return bytes;
}

void Connection::send(std::string_view bytes) {
    while (open() && !bytes.empty()) {
        ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n > 0) bytes.remove_prefix(std::size_t(n));
        else if (n == 0 || errno != EINTR) hang_up();
    }
}

void Connection::hang_up() {
    if (open()) ::close(fd);
    fd = -1;
}

}
