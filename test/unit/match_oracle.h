/*
 * match_oracle.h: what a pattern matches, by definition and not by cleverness.
 *
 * Plain recursion over all ways to spread the stars; exponential, so for small
 * inputs only.
 */
#ifndef TEST_MATCH_ORACLE_H
#define TEST_MATCH_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ORACLE_MAX_SEGMENTS 16

typedef struct Segment
{
	const char *text;
	size_t		len;
} Segment;

static inline int
split_segments(const char *path, size_t len, Segment *segments)
{
	int			n = 0;
	size_t		start = 0;

	for (size_t i = 0; i <= len; i++)
		if (i == len || path[i] == '/')
		{
			segments[n++] = (Segment) {path + start, i - start};
			start = i + 1;
		}
	return n;
}

static inline bool
oracle_segment(const char *p, size_t plen, const char *s, size_t len)
{
	if (plen == 0)
		return len == 0;
	if (*p == '*')
		return oracle_segment(p + 1, plen - 1, s, len)
			|| (len > 0 && oracle_segment(p, plen, s + 1, len - 1));
	return len > 0 && *p == *s && oracle_segment(p + 1, plen - 1, s + 1, len - 1);
}

static inline bool
oracle_segments(const Segment *p, int np, const Segment *s, int n)
{
	if (np == 0)
		return n == 0;
	if (p->len == 2 && memcmp(p->text, "**", 2) == 0)
	{
		if (np == 1)
			return n > 0;
		return oracle_segments(p + 1, np - 1, s, n)
			|| (n > 0 && oracle_segments(p, np, s + 1, n - 1));
	}
	return n > 0 && oracle_segment(p->text, p->len, s->text, s->len)
		&& oracle_segments(p + 1, np - 1, s + 1, n - 1);
}

/* Both valid, and of at most ORACLE_MAX_SEGMENTS segments. */
static inline bool
oracle_matches(const char *pattern, size_t plen, const char *name, size_t len)
{
	Segment		p[ORACLE_MAX_SEGMENTS];
	Segment		s[ORACLE_MAX_SEGMENTS];
	int			np = split_segments(pattern, plen, p);
	int			n = split_segments(name, len, s);

	return oracle_segments(p, np, s, n);
}

#endif
