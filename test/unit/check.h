/*
 * check.h: the smallest harness that says which line was wrong.
 *
 * A test program is a list of cases; a case is a function full of CHECKs, and
 * has failed when one of them did.  main() runs the cases and returns
 * check_summary().
 */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_SHOWN 20			/* failures that are printed; the rest is counted */

static long check_made;
static long check_wrong;
static int	check_cases_passed;
static int	check_cases_failed;

/* CHECK(condition) or CHECK(condition, "what was tried: %s", ...) */
#define CHECK(ok, ...) check_that((ok), __FILE__, __LINE__, #ok, " " __VA_ARGS__)

#define RUN(test_case) check_run(#test_case, test_case)

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

static inline bool __attribute__((format(printf, 5, 6)))
check_that(bool ok, const char *file, int line, const char *what, const char *format,...)
{
	check_made++;
	if (!ok && check_wrong++ < CHECK_SHOWN)
	{
		va_list		args;

		fprintf(stderr, "%s:%d: not so: %s", file, line, what);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	return ok;
}

static inline void
check_run(const char *name, void (*test_case) (void))
{
	long		wrong_before = check_wrong;

	test_case();
	if (check_wrong == wrong_before)
		check_cases_passed++;
	else
	{
		check_cases_failed++;
		fprintf(stderr, "failed: %s\n", name);
	}
}

/* Prints the line that test/unit/run adds up, and gives main() its exit code. */
static inline int
check_summary(const char *program)
{
	printf("%s: %d passed, %d failed (%ld checks)\n",
		   program, check_cases_passed, check_cases_failed, check_made);
	return check_cases_failed > 0;
}

/* Is each of len bytes that byte? */
static inline bool
all_bytes(const void *data, size_t len, uint8_t byte)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		if (p[i] != byte)
			return false;
	return true;
}

/* A heap copy of exactly that size, so that reading past the end is noticed.  Never NULL. */
static inline void *
exact_copy(const void *data, size_t len)
{
	char	   *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* Repeatable random numbers for inputs (xorshift64*); never for secrets. */
static uint64_t check_seed = 0x9e3779b97f4a7c15;

static inline uint32_t
pick(uint32_t n)
{
	check_seed ^= check_seed >> 12;
	check_seed ^= check_seed << 25;
	check_seed ^= check_seed >> 27;
	return (uint32_t) ((check_seed * 0x2545f4914f6cdd1d) >> 33) % n;
}

#endif
