// A wall clock that is wrong, for one process by LD_PRELOAD. CLOCK_MONOTONIC and its like are left alone.
//
//   WRONG_CLOCK   a file of 32 bytes: how far ahead in ns, drift in millionths, since when it drifts in ns of the true wall clock, and how often a
//                 wrong time was read, which is counted here. It is mapped, so that it can be set while the process runs.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <dlfcn.h>

#define SECOND 1000000000LL

struct control {
  volatile int64_t ahead, drift, since;
  uint64_t reads;
};
static struct control *control;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("WRONG_CLOCK");
  real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  if (!path) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) control = mapped;
  close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int rc = real ? real(clock, time) : syscall(SYS_clock_gettime, clock, time);
  if (rc || !control || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return rc;
  int64_t ahead = control->ahead, drift = control->drift;
  if (!ahead && !drift) return 0;
  int64_t now = time->tv_sec * SECOND + time->tv_nsec;
  now += ahead + (int64_t)((__int128)(now - control->since) * drift / 1000000);
  time->tv_sec = now / SECOND;
  time->tv_nsec = now % SECOND;
  __atomic_fetch_add(&control->reads, 1, __ATOMIC_RELAXED);
  return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *place) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  if (place) *place = now.tv_sec;
  return now.tv_sec;
}
