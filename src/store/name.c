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

/*
 * Segments against segments, the same way one floor up.  p and s point at the
 * start of a segment, or one past the end when there is none left.
 */
bool
pattern_matches(const char *pattern, size_t plen, const char *name, size_t len)
{
	const char *pend = pattern + plen;
	const char *send = name + len;
	const char *p = pattern;
	const char *s = name;
	const char *after_stars = NULL;	/* the segment after the last ** */
	const char *resume = NULL;	/* where the name goes on when that ** swallows no more */

	while (s < send)
	{
		size_t		sn = segment_len(s, send);
		size_t		pn = p < pend ? segment_len(p, pend) : 0;

		if (pn == 2 && p[0] == '*' && p[1] == '*')
		{
			if (p + pn == pend)
				return true;	/* at the end, and at least this segment is left */
			p += pn + 1;
			after_stars = p;
			resume = s;
		}
		else if (pn > 0 && segment_matches(p, p + pn, s, s + sn)
				 && (p + pn == pend) == (s + sn == send))
		{
			if (p + pn == pend)
				return true;
			p += pn + 1;
			s += sn + 1;
		}
		else if (after_stars)
		{
			p = after_stars;
			resume += segment_len(resume, send) + 1;
			s = resume;
		}
		else
			return false;
	}
	return false;
}

size_t
pattern_prefix(const char *pattern, size_t plen, bool *exact)
{
	const char *star = memchr(pattern, '*', plen);

	*exact = star == NULL;
	return star ? (size_t) (star - pattern) : plen;
}
