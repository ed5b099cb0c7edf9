/*
 * store/name.c
 */
#include "store/name.h"

#include <string.h>

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
		|| (c != '\0' && strchr("._@+=-", c) != NULL);
}

static bool
segment_is_valid(const char *s, size_t len, bool stars)
{
	if (len == 0 || (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.'))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (stars && s[i] == '*')
		{
			/* Two stars side by side are a segment of their own, or a mistake. */
			if (i + 1 < len && s[i + 1] == '*' && len != 2)
				return false;
		}
		else if (!is_name_char(s[i]))
			return false;
	}
	return true;
}

static size_t
segment_len(const char *s, const char *end)
{
	const char *slash = memchr(s, '/', (size_t) (end - s));

	return (size_t) ((slash ? slash : end) - s);
}

static bool
path_is_valid(const char *path, size_t len, bool stars)
{
	const char *end = path + len;

	if (len < 1 || len > NAME_MAX_LEN)
		return false;
	for (const char *s = path;;)
	{
		size_t		n = segment_len(s, end);

		if (!segment_is_valid(s, n, stars))
			return false;
		s += n;
		if (s == end)
			return true;
		s++;					/* the slash; a segment must follow, and an empty one is refused above */
	}
}

bool
name_is_valid(const char *name, size_t len)
{
	return path_is_valid(name, len, false);
}

bool
pattern_is_valid(const char *pattern, size_t len)
{
	return path_is_valid(pattern, len, true);
}

bool
stage_is_valid(const char *stage, size_t len)
{
	if (len < 1 || len > STAGE_MAX_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((stage[i] >= 'a' && stage[i] <= 'z') || (stage[i] >= '0' && stage[i] <= '9')
			  || stage[i] == '_' || stage[i] == '-'))
			return false;
	return true;
}

static bool
segment_ends(const char *s, const char *end)
{
	return s == end || *s == '/';
}

/* The start of the next segment, or the end when there is none. */
static const char *
next_segment(const char *s, const char *end)
{
	s += segment_len(s, end);
	return s < end ? s + 1 : end;
}

/* Stars do not stand side by side in any other segment. */
static bool
is_two_stars(const char *s, const char *end)
{
	return end - s >= 2 && s[0] == '*' && s[1] == '*';
}

/*
 * One segment against one segment with single stars: back up to the last star
 * only.  What p and s point at goes on to the ends of the segments if it fits.
 */
static bool
segment_matches(const char **pattern, const char *pend, const char **segment, const char *send)
{
	const char *p = *pattern;
	const char *s = *segment;
	const char *star = NULL;
	const char *resume = NULL;

	while (!segment_ends(s, send))
	{
		char		c = p < pend ? *p : '/';

		if (c == '*')
		{
			star = ++p;
			resume = s;
		}
		else if (c == *s)
			p++, s++;
		else if (star)
		{
			p = star;
			s = ++resume;
		}
		else
			return false;
	}
	while (p < pend && *p == '*')
		p++;
	*pattern = p;
	*segment = s;
	return segment_ends(p, pend);
}

/*
 * Segments of nothing but stars, one after the other: at least so many
 * segments, and just so many if none of them has two stars.  The order of them
 * makes no difference.
 */
typedef struct StarRun
{
	size_t		least;
	bool		or_more;
} StarRun;

/* The run that starts at p, if one does; returns where it ends. */
static const char *
take_star_run(const char *p, const char *end, StarRun *run)
{
	*run = (StarRun) {0, false};
	for (;;)
	{
		if (is_two_stars(p, end))
		{
			run->or_more = true;
			p += 2;
			if (p == end)
				run->least++;
		}
		else if (p < end && *p == '*' && segment_ends(p + 1, end))
		{
			run->least++;
			p++;
		}
		else
			return p;
		if (p < end)
			p++;				/* the slash */
	}
}

/*
 * The path after the segments that a run has to have; NULL if it has not got
 * them.  Two stars in the path may stand for no segment at all, so they are
 * passed over and not counted, and only a run that has some itself can do that;
 * but at the end of the path they stand for one at least.
 */
static const char *
skip_star_run(const StarRun *run, const char *s, const char *end)
{
	for (size_t left = run->least; left > 0; s = next_segment(s, end))
	{
		bool		two_stars = is_two_stars(s, end);

		if (s == end || (two_stars && !run->or_more))
			return NULL;
		if (!two_stars || s + 2 == end)
			left--;
	}
	return s;
}

/* As segment_matches(). */
typedef bool (*SegmentsFit) (const char **p, const char *pend, const char **s, const char *send);

/*
 * Segments against segments, as segment_matches() does one floor down: back up
 * to the last two stars only.  The path is a name or a pattern; two stars in it
 * are swallowed by two stars only, for what is not a run of stars has some
 * character that they have not got.
 */
static inline bool
path_fits(const char *p, const char *pend, const char *s, const char *send, SegmentsFit fits)
{
	const char *after_stars = NULL; /* the segment after the last run with two stars */
	const char *resume = NULL;	/* where the path goes on when that run swallows no more */

	for (;;)
	{
		bool		fit = true;

		if (*p == '*')
		{
			StarRun		run;
			const char *after;

			p = take_star_run(p, pend, &run);
			after = skip_star_run(&run, s, send);
			if (run.or_more)
			{
				/* What is too short for this is also too short further on. */
				if (after == NULL || p == pend)
					return after != NULL;
				after_stars = p;
				resume = after;
			}
			fit = after != NULL;
			s = fit ? after : s;
		}
		if (fit && p < pend)
		{
			if (s == send)
				return false;
			fit = fits(&p, pend, &s, send);
			/* slashes */
			p += fit && p < pend;
			s += fit && s < send;
		}
		if (fit && p == pend)
		{
			if (s == send)
				return true;
			fit = false;
		}
		if (!fit)
		{
			if (after_stars == NULL || resume == send)
				return false;
			p = after_stars;
			s = resume = next_segment(resume, send);
		}
	}
}

bool
pattern_matches(const char *pattern, size_t plen, const char *name, size_t len)
{
	return path_fits(pattern, pattern + plen, name, name + len, segment_matches);
}

size_t
pattern_prefix(const char *pattern, size_t plen, bool *exact)
{
	const char *star = memchr(pattern, '*', plen);

	*exact = star == NULL;
	return star ? (size_t) (star - pattern) : plen;
}

size_t
pattern_folder(const char *pattern, size_t plen)
{
	bool		exact;
	size_t		len = pattern_prefix(pattern, plen, &exact);

	while (len > 0 && pattern[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

/*
 * outer matches inner as if that were a name: a star of inner stands for a
 * character that outer has not got, and so only a star can swallow it.
 *
 * That it is right to say false is less plain.  Then some name shows it: each
 * star of inner becomes a character that outer has not got, and two stars become
 * nothing where a run of outer still wants segments, and elsewhere more of such
 * segments than outer has.  No part of outer between its runs can fit what those
 * have become, so each fits for the first time where it was found here.
 */
bool
pattern_contains(const char *outer, size_t olen, const char *inner, size_t ilen)
{
	return path_fits(outer, outer + olen, inner, inner + ilen, segment_matches);
}

/*
 * Some segment is matched by both.  When both have a star it is enough that
 * their ends agree: what is between the stars of the one and of the other can
 * stand one after the other.
 */
static bool
segments_intersect(const char **a, const char *aend, const char **b, const char *bend)
{
	const char *astart = *a;
	const char *bstart = *b;
	const char *alast = astart + segment_len(astart, aend);
	const char *blast = bstart + segment_len(bstart, bend);

	if (*astart != *bstart && *astart != '*' && *bstart != '*')
		return false;			/* soon, most of the time */
	if (memchr(astart, '*', (size_t) (alast - astart)) == NULL)
		return segment_matches(b, blast, a, alast);
	if (memchr(bstart, '*', (size_t) (blast - bstart)) == NULL)
		return segment_matches(a, alast, b, blast);
	*a = alast;
	*b = blast;
	for (; *astart != '*' && *bstart != '*'; astart++, bstart++)
		if (*astart != *bstart)
			return false;
	for (; alast[-1] != '*' && blast[-1] != '*'; alast--, blast--)
		if (alast[-1] != blast[-1])
			return false;
	return true;
}

static bool
has_two_stars(const char *p, const char *end)
{
	for (; p < end; p = next_segment(p, end))
		if (is_two_stars(p, end))
			return true;
	return false;
}

static const char *
last_segment(const char *start, const char *end)
{
	while (end > start && end[-1] != '/')
		end--;
	return end;
}

/* Both have two stars somewhere: as far as neither has come to them, their last segments agree. */
static bool
tails_intersect(const char *a, const char *aend, const char *b, const char *bend)
{
	for (;;)
	{
		const char *alast = last_segment(a, aend);
		const char *blast = last_segment(b, bend);
		const char *aseg = alast;
		const char *bseg = blast;

		if (is_two_stars(alast, aend) || is_two_stars(blast, bend))
			return true;
		if (!segments_intersect(&aseg, aend, &bseg, bend))
			return false;
		aend = alast - 1;
		bend = blast - 1;
	}
}

/* As segments_intersect(), one floor up: a begins with two stars, and b has come as far. */
static bool
rests_intersect(const char *a, const char *aend, const char *b, const char *bend)
{
	if (has_two_stars(b, bend))
		return tails_intersect(a, aend, b, bend);
	return path_fits(a, aend, b, bend, segments_intersect);
}

bool
pattern_intersects(const char *a, size_t alen, const char *b, size_t blen)
{
	const char *aend = a + alen;
	const char *bend = b + blen;

	while (a < aend && b < bend)
	{
		if (is_two_stars(a, aend))
			return rests_intersect(a, aend, b, bend);
		if (is_two_stars(b, bend))
			return rests_intersect(b, bend, a, aend);
		if (!segments_intersect(&a, aend, &b, bend))
			return false;
		/* slashes */
		a += a < aend;
		b += b < bend;
	}
	/* What is left of one, if so, wants one segment at least. */
	return a == aend && b == bend;
}
