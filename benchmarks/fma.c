// Measures what the machine can do now: multiply-adds per second and bytes copied per second, with the given number of threads.
// Prints {"gflops": ..., "copy_gbps": ...}. Usage: fma THREADS SECONDS; the copy is left out when SECONDS is below 0.1.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX__)
#define WIDTH 32
#else
#define WIDTH 16
#endif
typedef float vec __attribute__((vector_size(WIDTH)));
enum { kSums = 12, kRepeats = 20000, kMostThreads = 256, kCopyBytes = 32 << 20 };

static double seconds = 0.1;
static pthread_barrier_t start;
struct result {
  double rate;
  float keep;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void* multiply(void* argument) {
  struct result* r = argument;
  vec sum[kSums], a, b;
  for (int j = 0; j < WIDTH / 4; ++j) a[j] = 0.999f, b[j] = 0.001f;
  for (int i = 0; i < kSums; ++i) sum[i] = b * (float)i;
  pthread_barrier_wait(&start);
  const double begin = now();
  double count = 0, took = 0;
  do {
    for (int n = 0; n < kRepeats; ++n)
      for (int i = 0; i < kSums; ++i) sum[i] = sum[i] * a + b;
    count += (double)kRepeats * kSums * (WIDTH / 4) * 2;
    took = now() - begin;
  } while (took < seconds);
  for (int i = 0; i < kSums; ++i) r->keep += sum[i][0];
  r->rate = count / took;
  return NULL;
}

static void* copy(void* argument) {
  struct result* r = argument;
  char *from = malloc(kCopyBytes), *to = malloc(kCopyBytes);
  memset(from, 1, kCopyBytes);
  memset(to, 2, kCopyBytes);
  pthread_barrier_wait(&start);
  const double begin = now();
  double count = 0, took = 0;
  do {
    memcpy(to, from, kCopyBytes);
    from[0] = to[kCopyBytes - 1];
    count += 2.0 * kCopyBytes;  // one read, one written
    took = now() - begin;
  } while (took < seconds);
  r->rate = count / took;
  r->keep = to[1];
  free(from);
  free(to);
  return NULL;
}

static double all(void* (*work)(void*), int threads) {
  static pthread_t handles[kMostThreads];
  static struct result results[kMostThreads];
  double sum = 0;
  pthread_barrier_init(&start, NULL, threads);
  for (int i = 0; i < threads; ++i) pthread_create(&handles[i], NULL, work, &results[i]);
  for (int i = 0; i < threads; ++i) pthread_join(handles[i], NULL);
  for (int i = 0; i < threads; ++i) sum += results[i].rate;
  pthread_barrier_destroy(&start);
  return sum;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (argc > 2) seconds = atof(argv[2]);
  if (threads < 1 || threads > kMostThreads) return 1;
  printf("{\"gflops\": %.1f", all(multiply, threads) / 1e9);
  if (seconds >= 0.1) printf(", \"copy_gbps\": %.1f", all(copy, threads) / 1e9);
  printf("}\n");
  return 0;
}
