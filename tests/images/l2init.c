// SPDX-License-Identifier: MIT
// /init of the guest inside the guest: says that it runs, works on each CPU, checks what comes out, powers off.
//   L2-READY cpus=N     L2-CPU n ok | L2-CPU n wrong     L2-END seconds
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 512, FORKS = 50 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

// Memory is written through, read back after every process that forks and writes its own copy.
static int work(void) {
    static uint64_t memory[PAGES][512];
    for (int i = 0; i < PAGES; i++) memory[i][i] = i * 0x9e3779b97f4a7c15u;
    for (int n = 0; n < FORKS; n++) {
        pid_t child = fork();
        if (child == 0) {
            for (int i = n; i < PAGES; i += 8) memory[i][i]++;
            _exit(memory[n][n] == n * 0x9e3779b97f4a7c15u + 1 ? 0 : 1);
        }
        int status = 1;
        if (waitpid(child, &status, 0) != child || status != 0) return 0;
    }
    for (int i = 0; i < PAGES; i++)
        if (memory[i][i] != i * 0x9e3779b97f4a7c15u) return 0;
    return 1;
}

static int works_on(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 && sched_getcpu() == cpu && work();
}

int main(void) {
    int cpus = sysconf(_SC_NPROCESSORS_ONLN);
    mkdir("/dev", 0755);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    int console = open("/dev/console", O_RDWR);
    for (int i = 0; i < 3 && console >= 0; i++) dup2(console, i);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("\nL2-READY cpus=%d %.2f\n", cpus, seconds());
    for (int cpu = 0; cpu < cpus; cpu++) printf("L2-CPU %d %s\n", cpu, works_on(cpu) ? "ok" : "wrong");
    printf("L2-END %.2f\n", seconds());
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    for (;;) pause();
}
