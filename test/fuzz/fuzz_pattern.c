/*
 * fuzz_pattern.c: a pattern and a name, 0xff between them, against tables of
 * what matches what, filled from the end.
 *
 * The tables know nothing of backing up to the last star, which is all that
 * pattern_matches() does.
 */
#include "property.h"

#include "store/name.h"

#define MAX_SEGMENTS (NAME_MAX_LEN / 2 + 1)

typedef struct Segment
{
	const char *text;
	size_t		len;
} Segment;

static int
split(const Part *path, Segment *segments)
{
	int			n = 0;
	size_t		start = 0;

	for (size_t i = 0; i <= path->len; i++)
		if (i == path->len || path->data[i] == '/')
		{
			segments[n++] = (Segment) {path->data + start, i - start};
			start = i + 1;
		}
	return n;
}

static bool
is_stars(const Segment *p)
{
	return p->len == 2 && p->text[0] == '*' && p->text[1] == '*';
}

/* row[j]: the rest of the pattern matches the segment from j on. */
static bool
segment_fits(const Segment *p, const Segment *s)
{
	bool		row[NAME_MAX_LEN + 1] = {false};

	row[s->len] = true;
	for (size_t i = p->len; i-- > 0;)
	{
		if (p->text[i] == '*')
			for (size_t j = s->len; j-- > 0;)
				row[j] = row[j] || row[j + 1];
		else
		{
			for (size_t j = 0; j < s->len; j++)
				row[j] = s->text[j] == p->text[i] && row[j + 1];
			row[s->len] = false;
		}
	}
	return row[0];
}

/* row[j]: the rest of the pattern's segments matches the name's from j on. */
static bool
path_fits(const Part *pattern, const Part *name)
{
	Segment		p[MAX_SEGMENTS];
	Segment		s[MAX_SEGMENTS];
	int			np = split(pattern, p);
	int			n = split(name, s);
	bool		row[MAX_SEGMENTS + 1] = {false};

	row[n] = true;
	for (int i = np; i-- > 0;)
	{
		if (is_stars(p + i))
		{
			if (i == np - 1)
				row[n] = false; /* at the end at least one segment is left for it */
			for (int j = n; j-- > 0;)
				row[j] = i == np - 1 || row[j] || row[j + 1];
		}
		else
		{
			for (int j = 0; j < n; j++)
				row[j] = row[j + 1] && segment_fits(p + i, s + j);
			row[n] = false;
		}
	}
	return row[0];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Part		pattern = next_part(&data, &size);
	Part		name = next_part(&data, &size);

	if (pattern_is_valid(pattern.data, pattern.len))
	{
		bool		exact;
		size_t		prefix = pattern_prefix(pattern.data, pattern.len, &exact);

		PROPERTY(prefix <= pattern.len && exact == (prefix == pattern.len));
		PROPERTY(exact == name_is_valid(pattern.data, pattern.len));
		PROPERTY(prefix == 0 || memchr(pattern.data, '*', prefix) == NULL);
		if (name_is_valid(name.data, name.len))
		{
			bool		matches = pattern_matches(pattern.data, pattern.len, name.data, name.len);

			PROPERTY(matches == path_fits(&pattern, &name));
			PROPERTY(!matches || (name.len >= prefix && memcmp(pattern.data, name.data, prefix) == 0));
			PROPERTY(!exact || matches == (name.len == pattern.len
										   && memcmp(pattern.data, name.data, name.len) == 0));
		}
	}
	free(pattern.data);
	free(name.data);
	return 0;
}
