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

/* One segment against one segment with single stars: back up to the last star only. */
static bool
segment_matches(const char *p, const char *pend, const char *s, const char *send)
{
	const char *star = NULL;
	const char *resume = NULL;

	while (s < send)
	{
		if (p < pend && *p == '*')
		{
			star = ++p;
			resume = s;
		}
		else if (p < pend && *p == *s)
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
	return p == pend;
}

/* The start of the next segment, or the end when there is none. */
static const char *
next_segment(const char *s, const char *end)
{
	s += segment_len(s, end);
	return s < end ? s + 1 : end;
}

static bool
is_two_stars(const char *s, size_t len)
{
	return len == 2 && s[0] == '*' && s[1] == '*';
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
	while (p < end && *p == '*')
	{
		size_t		n = segment_len(p, end);
		bool		two = is_two_stars(p, n);

		if (n > 1 && !two)
			break;
		run->or_more |= two;
		if (!two || p + n == end)
			run->least++;
		p = next_segment(p, end);
	}
	return p;
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
	for (size_t left = run->least; left > 0;)
	{
		size_t		n = segment_len(s, end);
		bool		two = is_two_stars(s, n);

		if (s == end || (two && !run->or_more))
			return NULL;
		if (!two || s + n == end)
			left--;
		s = next_segment(s, end);
	}
	return s;
}

/* Of two segments neither of which is two stars. */
typedef bool (*SegmentsFit) (const char *p, const char *pend, const char *s, const char *send);

/*
 * Segments against segments, as segment_matches() does one floor down: back up
 * to the last two stars only.  The path is a name, or a pattern; two stars in
 * it fit nothing, but two stars swallow them.
 *
 * Inlined, so that each use has its own fits built in.
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
			if (fit)
				s = after;
		}
		if (fit && p < pend)
		{
			size_t		pn = segment_len(p, pend);
			size_t		sn = segment_len(s, send);

			if (s == send)
				return false;
			fit = !is_two_stars(s, sn) && fits(p, p + pn, s, s + sn);
			if (fit)
			{
				p = next_segment(p, pend);
				s = next_segment(s, send);
			}
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
 * That says more than it seems.  If outer does not swallow inner so, then some
 * name shows it: each star of inner becomes a character that outer lacks, and
 * two stars become nothing where outer still wanted segments of its run, and
 * else more such segments than outer has.
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
segments_intersect(const char *a, const char *aend, const char *b, const char *bend)
{
	if (memchr(a, '*', (size_t) (aend - a)) == NULL)
		return segment_matches(b, bend, a, aend);
	if (memchr(b, '*', (size_t) (bend - b)) == NULL)
		return segment_matches(a, aend, b, bend);
	for (; *a != '*' && *b != '*'; a++, b++)
		if (*a != *b)
			return false;
	for (; aend[-1] != '*' && bend[-1] != '*'; aend--, bend--)
		if (aend[-1] != bend[-1])
			return false;
	return true;
}

static bool
has_two_stars(const char *p, const char *end)
{
	for (; p < end; p = next_segment(p, end))
		if (is_two_stars(p, segment_len(p, end)))
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

		if (is_two_stars(alast, (size_t) (aend - alast)) || is_two_stars(blast, (size_t) (bend - blast)))
			return true;
		if (!segments_intersect(alast, aend, blast, bend))
			return false;
		aend = alast - 1;
		bend = blast - 1;
	}
}

/* As segments_intersect(), one floor up; what is different at the front ends it soon. */
bool
pattern_intersects(const char *a, size_t alen, const char *b, size_t blen)
{
	const char *aend = a + alen;
	const char *bend = b + blen;

	while (a < aend && b < bend)
	{
		size_t		an = segment_len(a, aend);
		size_t		bn = segment_len(b, bend);

		if (is_two_stars(a, an))
		{
			if (has_two_stars(b, bend))
				return tails_intersect(a, aend, b, bend);
			return path_fits(a, aend, b, bend, segments_intersect);
		}
		if (is_two_stars(b, bn))
		{
			if (has_two_stars(a, aend))
				return tails_intersect(a, aend, b, bend);
			return path_fits(b, bend, a, aend, segments_intersect);
		}
		if (!segments_intersect(a, a + an, b, b + bn))
			return false;
		a = next_segment(a, aend);
		b = next_segment(b, bend);
	}
	/* Whatever is left of one wants one segment at least. */
	return a == aend && b == bend;
}
