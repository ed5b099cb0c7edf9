/*
 * name_steps_test.c: how long matching takes, counted and not timed.
 *
 * The source is compiled into this program with a call at each of its basic
 * blocks; the calls are the steps.  The other sanitizers would add blocks of
 * their own.
 *
 * cflags: -fno-sanitize=all -fsanitize-coverage=trace-pc
 */
#include "check.h"

static volatile unsigned long steps;

extern void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage)) void
__sanitizer_cov_trace_pc(void)
{
	steps++;
}

#include "../../src/store/name.c"

#define STEPS_A_PAIR 8			/* blocks for one character against one character: five, with this compiler */

/* A start, a unit repeated as often as it fits into size, and an end. */
static size_t
compose(char *out, size_t size, const char *start, const char *unit, const char *end)
{
	size_t		len = strlen(start);

	memcpy(out, start, len);
	for (; len + strlen(unit) + strlen(end) <= size; len += strlen(unit))
		memcpy(out + len, unit, strlen(unit));
	memcpy(out + len, end, strlen(end));
	return len + strlen(end);
}

static volatile bool last_match;	/* or the compiler leaves the call out */
static double worst;			/* steps for each pair of a pattern's and a name's character */

static void
count_steps(const char *pattern, size_t plen, const char *name, size_t len)
{
	double		each;

	CHECK(pattern_is_valid(pattern, plen), "%.*s", (int) plen, pattern);
	CHECK(name_is_valid(name, len), "%.*s", (int) len, name);
	steps = 0;
	last_match = pattern_matches(pattern, plen, name, len);
	each = (double) steps / (double) (plen * len);
	CHECK(steps > 0 && each <= STEPS_A_PAIR,
		  "%lu steps for \"%.*s\" and \"%.*s\"", steps, (int) plen, pattern, (int) len, name);
	worst = each > worst ? each : worst;
}

static void
never_more_than_len_times_plen(void)
{
	static const struct
	{
		const char *start;
		const char *unit;
		const char *end;
		const char *name_unit;
		const char *name_end;
	}			nasty[] = {
		{"*", "a", "b", "a", "a"}, {"*", "a", "*b", "a", "a"}, {"a*", "a", "b", "a", "c"},
		{"", "a*", "b", "a", "a"},
		{"", "*a", "b", "a", "a"}, {"", "*aa", "b", "a", "a"}, {"", "a*b*", "c", "ab", "a"},
		{"", "*aaaaaaaa", "b", "a", "a"},
		{"**/", "a/", "b", "a/", "a"}, {"**/", "*/", "b", "a/", "a"}, {"**/", "*a*/", "b", "a/", "a"},
		{"", "**/a/", "b", "a/", "a"}, {"", "**/*/", "b", "a/", "a"}, {"", "**/*a*/", "b", "a/", "a"},
		{"**/", "*a*a*a*b/", "c", "aaaa/", "a"}, {"", "*a*/**/", "b", "aaaaaaa/", "a"},
		{"", "*/", "*b", "a/", "a"},
		{"**/", "*aaaaaaab/", "c", "aaaaaaaaaaaaaaab/", "a"},
		{"**/", "*aaaaaaa/", "c", "aaaaaaaaaaaaaaaa/", "a"},
		{"**/*", "a", "b", "a", "a"}, {"**/*", "a", "b/**", "a", "/b"},
	};
	static const size_t sizes[] = {64, 128, 256, 512};

	for (size_t i = 0; i < lengthof(nasty); i++)
		for (size_t j = 0; j < lengthof(sizes); j++)
			for (size_t k = 0; k < lengthof(sizes); k++)
			{
				char		pattern[512];
				char		name[512];
				size_t		plen = compose(pattern, sizes[j], nasty[i].start, nasty[i].unit, nasty[i].end);
				size_t		len = compose(name, sizes[k], "", nasty[i].name_unit, nasty[i].name_end);

				count_steps(pattern, plen, name, len);
			}
}

/* Patterns of repeated units against names of repeated units. */
static void
random_nastiness(void)
{
	int			counted = 0;

	for (int i = 0; i < 20000; i++)
	{
		char		pattern[512];
		char		name[512];
		char		punit[13] = {0};
		char		unit[13] = {0};
		size_t		plen;
		size_t		len;

		for (uint32_t j = 0, n = 1 + pick(12); j < n; j++)
			punit[j] = "aaab/**"[pick(7)];
		for (uint32_t j = 0, n = 1 + pick(12); j < n; j++)
			unit[j] = "aaaab/"[pick(6)];
		plen = compose(pattern, 512, "", punit, "b");
		len = compose(name, 512, "", unit, "a");
		if (!pattern_is_valid(pattern, plen) || !name_is_valid(name, len))
			continue;
		count_steps(pattern, plen, name, len);
		counted++;
	}
	CHECK(counted > 1000, "%d", counted);
}

int
main(void)
{
	RUN(never_more_than_len_times_plen);
	RUN(random_nastiness);
	printf("name-steps: at worst %.1f basic blocks for each pair of characters\n", worst);
	return check_summary("name-steps");
}
