#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real programs in Debian's kernel: loops compiled for x86-64-v3; Debian's openssl, C library, bash, coreutils, perl and python. What
they print is what the same programs, hashlib and the host's openssl compute here."""
import base64
import hashlib
import hmac
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import Machine, made
from report import SOURCE, Skip, expect

MODELS = ["max-intel", "max-amd"]
LONG_MODELS = ["haswell", "icelake", "zen2", "zen3", "zen4"]
BEFORE_V3 = ["nehalem-ep", "barcelona"]
# All that openssl and the C library choose code by; without them, both use that for the first x86-64 processors.
WITHOUT = "-aes,-pclmulqdq,-sha,-vaes,-vpclmulqdq,-gfni,-avx,-avx2,-fma,-f16c,-bmi1,-bmi2,-adx,-ssse3,-sse4_1,-sse4_2,-movbe"
# Bits of OPENSSL_ia32cap (openssl's OPENSSL_ia32cap(3)): word, bit.
NOT_IN = {"haswell": ["adx", "sha"]}                    # what the processor came too early for
CAPABILITIES = {"pclmulqdq": (0, 33), "ssse3": (0, 41), "aes": (0, 57), "avx": (0, 60), "avx2": (1, 5), "bmi2": (1, 8), "adx": (1, 19), "sha": (1, 29)}

parser = report.options(__doc__)
arguments = parser.parse_args()


def run_in_guest(name, model, program, initrd=None):
    """The lines between the start of user space and the end."""
    path = made(arguments, "kernel.sh", "stable")
    initrd = initrd or made(arguments, "vectors.sh")
    directory = Path(arguments.build) / "test-results" / "logs"
    directory.mkdir(parents=True, exist_ok=True)
    with Machine(arguments, ["--kernel", path, "--initrd", str(initrd), "--append", f"console=ttyS0 quiet wl=run,{program}", "--cpu", model, "--headless"],
                 directory / f"{name}.log") as machine:
        machine.expect(r"BOOT-READY .*\n")
        begin = machine.seen
        status = machine.wait()
        expect(status == 0, f"poweroff ended the emulator with status {status}; last: {machine.said()}")
        return [line for line in machine.text[begin:].splitlines() if line and not re.match(r"\[ *\d+\.\d+\]|Power off|The system is", line)]


# ---- Programs for x86-64-v3 ----------------------------------------------------------------------------------------
def host_lines(which):
    return subprocess.run([Path(arguments.build).resolve() / "images" / f"vectorwork-{which}"], check=True, capture_output=True, text=True).stdout.splitlines()


def host_has_v3():
    facts = Path("/proc/cpuinfo").read_text()
    return all(f" {word} " in f"{facts} ".replace("\n", " ") for word in ("avx2", "fma", "f16c", "bmi1", "bmi2", "movbe", "abm"))


def compare(what, right, guest, least=60):
    wrong = [f"{r!r} is {g!r}" for r, g in zip(right, guest) if r != g]
    expect(not wrong and len(right) == len(guest) and len(right) >= least,
           f"{what}: {len(right)} lines on the host, {len(guest)} in the guest; different: {' | '.join(wrong[:6])}")


def programs(name, model):
    """Compiled plainly and for x86-64-v3 they print the same; with multiply-adds of the compiler's making, what they print on silicon."""
    made(arguments, "vectors.sh")
    plain = host_lines("plain")
    compare("plain", plain, run_in_guest(f"{name}-plain", model, "vectorwork-plain"))
    if model in BEFORE_V3:
        return
    compare("v3", plain, run_in_guest(f"{name}-v3", model, "vectorwork-v3"))
    if host_has_v3():
        fused = host_lines("fused")
        expect(fused != plain, "the compiler has made no multiply-adds")
        compare("fused", fused, run_in_guest(f"{name}-fused", model, "vectorwork-fused"))


# ---- openssl -------------------------------------------------------------------------------------------------------
def openssl(directory, *words):
    return subprocess.run(["openssl", *map(str, words)], cwd=directory, stdin=subprocess.DEVNULL, check=True, capture_output=True).stdout


KEYS = {"rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ed25519": ["-algorithm", "ED25519"], "x25519": ["-algorithm", "X25519"]}
SIGN = {"rsa": ["dgst", "-sha256", "-sign", "rsa.key", "-out", "rsa.sig", "data"], "ec": ["dgst", "-sha256", "-sign", "ec.key", "-out", "ec.sig", "data"],
        "ed25519": ["pkeyutl", "-sign", "-inkey", "ed25519.key", "-rawin", "-in", "data", "-out", "ed25519.sig"]}
VERIFY = {"rsa": ["dgst", "-sha256", "-verify", "rsa.pub", "-signature", "guest.sig", "data"],
          "ec": ["dgst", "-sha256", "-verify", "ec.pub", "-signature", "guest.sig", "data"],
          "ed25519": ["pkeyutl", "-verify", "-pubin", "-inkey", "ed25519.pub", "-rawin", "-in", "data", "-sigfile", "guest.sig"]}
DIGESTS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "blake2b512"]
CIPHERS = ["aes-128-ecb", "aes-256-ecb", "aes-128-cbc", "aes-256-cbc", "aes-128-ctr", "aes-256-ctr", "aes-128-cfb", "aes-256-ofb", "chacha20",
           "camellia-256-cbc"]
GCM = ["aes-128-gcm", "aes-256-gcm"]
SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


def prepare(directory):
    """Data, keys, signatures and messages for the guest."""
    chance = random.Random(7)
    data = chance.randbytes(100_003)
    for name, content in {"data": data, "other": data[:-1] + bytes([data[-1] ^ 1]), "little": data[:77], "key": chance.randbytes(32).hex().encode(),
                          "iv": chance.randbytes(16).hex().encode()}.items():
        (directory / name).write_bytes(content)
    for name, words in KEYS.items():
        for key in (name, f"{name}-peer"):
            openssl(directory, "genpkey", *words, "-out", f"{key}.key")
            openssl(directory, "pkey", "-in", f"{key}.key", "-pubout", "-out", f"{key}.pub")
    for name, words in SIGN.items():
        openssl(directory, *words)
    for name in ("rsa", "ec"):
        openssl(directory, "req", "-x509", "-new", "-key", f"{name}.key", "-subj", "/CN=slate", "-days", "3650", "-out", f"{name}.crt")
    for cipher in GCM:
        openssl(directory, "cms", "-encrypt", f"-{cipher}", "-binary", "-in", "data", "-outform", "DER", "-out", f"data.{cipher}", "rsa.crt")


def expected(directory):
    """Value by name, of all that has but one."""
    data = (directory / "data").read_bytes()
    key, iv = ((directory / name).read_text() for name in ("key", "iv"))
    of_data = hashlib.sha256(data).hexdigest()
    right = {name: hashlib.new({"sha3-256": "sha3_256", "blake2b512": "blake2b"}.get(name, name), data).hexdigest() for name in DIGESTS}
    right |= {f"hmac-{name}": hmac.new(b"secret", data, name).hexdigest() for name in ("sha1", "sha256", "sha512")}
    for cipher in CIPHERS:
        words = ["-K", key[:32] if "128" in cipher else key, *([] if cipher.endswith("ecb") else ["-iv", iv])]
        right[cipher] = hashlib.sha256(openssl(directory, "enc", f"-{cipher}", *words, "-in", "data")).hexdigest()
        right[f"{cipher}-back"] = "same"
    for cipher in GCM:
        words = ["-cipher", cipher, "-macopt", f"hexkey:{key[:32] if '128' in cipher else key}", "-macopt", f"hexiv:{iv}"]
        right[f"gmac-{cipher}"] = openssl(directory, "mac", *words, "-in", "data", "GMAC").decode().strip()
        right[f"{cipher}-from-host"] = of_data
    for kind in SIGN:
        right |= {f"{kind}-data": "good", f"{kind}-other": "bad"}
        if kind != "ec":                                                        # chance goes into an ECDSA signature
            right[f"{kind}-signed"] = base64.b64encode((directory / f"{kind}.sig").read_bytes()).decode()
    for kind in ("x25519", "ec"):
        shared = openssl(directory, "pkeyutl", "-derive", "-inkey", f"{kind}.key", "-peerkey", f"{kind}-peer.pub")
        right[f"{kind}-shared"] = hashlib.sha256(shared).hexdigest()
    return right | {suite: of_data for suite in SUITES}


def judge(directory, lines, has):
    found = dict(re.findall(r"^crypto (\S+) (.*)$", "\n".join(lines), re.M))
    words = [int(word, 16) for word in found.get("capabilities", "").split(":")]
    expect(len(words) > 1, f"openssl says nothing of capabilities: {lines[:3]}")
    seen = [name for name, (word, bit) in CAPABILITIES.items() if words[word] >> bit & 1]
    expect(seen == has, f"openssl thinks it has {', '.join(seen)}, not {', '.join(has)}")
    wrong = [f"{name} is {found.get(name)!r}, not {value!r}" for name, value in expected(directory).items() if found.get(name) != value]
    expect(not wrong, " | ".join(wrong[:5]))
    for kind, verify in VERIFY.items():
        (directory / "guest.sig").write_bytes(base64.b64decode(found[f"{kind}-signed"]))
        openssl(directory, *verify)
    for cipher in GCM:
        (directory / "guest.cms").write_bytes(base64.b64decode(found[f"{cipher}-to-host"]))
        plain = openssl(directory, "cms", "-decrypt", "-inform", "DER", "-in", "guest.cms", "-inkey", "rsa.key")
        expect(plain == (directory / "little").read_bytes(), f"the host reads something else in the guest's {cipher} message")


def crypto(name, model, capable):
    """Digests, ciphers, signatures, key agreement and connections."""
    if not shutil.which("openssl"):
        raise Skip("the package openssl is not installed")
    base = made(arguments, "vectors.sh")
    with tempfile.TemporaryDirectory(prefix="slate-crypto-") as temporary:
        directory = Path(temporary) / "crypto"
        directory.mkdir()
        prepare(directory)
        names = "\n".join(["crypto", *(f"crypto/{file.name}" for file in sorted(directory.iterdir()))])
        archive = subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], input=names.encode(), cwd=temporary, check=True, capture_output=True).stdout
        initrd = Path(temporary) / "initrd"
        initrd.write_bytes(archive + Path(base).read_bytes())
        has = [feature for feature in CAPABILITIES if capable and feature not in NOT_IN.get(model, [])]
        judge(directory, run_in_guest(name, model, "cryptowork", initrd), has)


# ---- The C library -------------------------------------------------------------------------------------------------
def library(name, model):
    """Debian's dynamic linker finds a processor of the level x86-64-v3, or not on older models."""
    lines = run_in_guest(name, model, "/lib64/ld-linux-x86-64.so.2,--help")
    levels = {found[1]: "supported" in line for line in lines if (found := re.match(r" *(x86-64-v\d)\b", line))}
    expect(levels.get("x86-64-v3") == (model not in BEFORE_V3) and not levels.get("x86-64-v4"), f"ld.so says {levels}")


# ---- Debian's user space -------------------------------------------------------------------------------------------
def debian(name, model):
    lines = run_in_guest(name, model, "debian,/bin/bash,/debwork", made(arguments, "debian.sh"))
    with tempfile.TemporaryDirectory(prefix="slate-debian-") as directory:
        host = subprocess.run(["bash", SOURCE / "tests/images/debwork"], cwd=directory, stdin=subprocess.DEVNULL, check=True, capture_output=True, text=True)
    compare("user space", host.stdout.splitlines(), lines, 33)


def all_cases():
    cases = {}
    for model in MODELS + (LONG_MODELS if arguments.long or arguments.cases else []):
        cases[f"programs-{model}"] = lambda model=model: programs(f"programs-{model}", model)
        cases[f"debian-{model}"] = lambda model=model: debian(f"debian-{model}", model)
        cases[f"openssl-{model}"] = lambda model=model: crypto(f"openssl-{model}", model, True)
    for model in MODELS:
        cases[f"openssl-{model}-without"] = lambda model=model: crypto(f"openssl-{model}-without", f"{model},{WITHOUT}", False)
    for model in MODELS + LONG_MODELS + BEFORE_V3:
        cases[f"library-{model}"] = lambda model=model: library(f"library-{model}", model)
    for model in BEFORE_V3 if arguments.long or arguments.cases else []:
        cases[f"programs-{model}"] = lambda model=model: programs(f"programs-{model}", model)
    return cases


sys.exit(report.main(arguments, all_cases()))
