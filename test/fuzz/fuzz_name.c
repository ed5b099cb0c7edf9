/*
 * fuzz_name.c: names and stages, against the grammar spelled out once more.
 */
#include "property.h"

#include "store/name.h"

/* One character after the other, with the length of the segment so far. */
static bool
is_name(const char *text, size_t len)
{
	size_t		segment = 0;
	bool		only_dots = true;

	if (len > 512)
		return false;
	for (size_t i = 0; i <= len; i++)
	{
		unsigned char c = i < len ? (unsigned char) text[i] : '/';

		if (c == '/')
		{
			if (segment == 0 || (only_dots && segment <= 2))
				return false;
			segment = 0;
			only_dots = true;
			continue;
		}
		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
			  || c == '.' || c == '_' || c == '@' || c == '+' || c == '=' || c == '-'))
			return false;
		segment++;
		only_dots = only_dots && c == '.';
	}
	return true;
}

static bool
is_stage(const char *text, size_t len)
{
	char		kept[64] = {0};

	if (len == 0 || len > 63)
		return false;
	memcpy(kept, text, len);
	return strspn(kept, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* A name is a pattern that matches itself, and what lies inside it. */
static void
check_name(const char *name, size_t len)
{
	bool		exact;
	char	   *copy = exact_room(len);

	memcpy(copy, name, len);
	PROPERTY(pattern_is_valid(name, len));
	PROPERTY(pattern_matches(name, len, copy, len));
	PROPERTY(pattern_matches("**", 2, name, len));
	PROPERTY(pattern_matches("*", 1, name, len) == (memchr(name, '/', len) == NULL));
	PROPERTY(pattern_prefix(name, len, &exact) == len && exact);
	copy[len - 1] = copy[len - 1] == 'x' ? 'y' : 'x';
	if (name_is_valid(copy, len) && memcmp(copy, name, len) != 0)
		PROPERTY(!pattern_matches(name, len, copy, len));
	free(copy);

	if (len <= NAME_MAX_LEN - 2)
	{
		char	   *inside = exact_room(len + 2);
		char	   *pattern = exact_room(len + 3);

		memcpy(inside, name, len);
		memcpy(inside + len, "/x", 2);
		PROPERTY(name_is_valid(inside, len + 2));
		PROPERTY(!pattern_matches(name, len, inside, len + 2));
		PROPERTY(!name_is_valid(inside, len + 1));	/* ends with its slash */
		memcpy(pattern, name, len);
		memcpy(pattern + len, "/**", 3);
		if (pattern_is_valid(pattern, len + 3))
			PROPERTY(pattern_matches(pattern, len + 3, inside, len + 2)
					 && !pattern_matches(pattern, len + 3, name, len));
		else
			PROPERTY(len + 3 > NAME_MAX_LEN);
		free(pattern);
		free(inside);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = exact_room(size);

	if (size > 0)
		memcpy(text, data, size);
	PROPERTY(name_is_valid(text, size) == is_name(text, size));
	PROPERTY(stage_is_valid(text, size) == is_stage(text, size));
	PROPERTY(!pattern_is_valid(text, size) || name_is_valid(text, size) || memchr(text, '*', size) != NULL);
	if (name_is_valid(text, size))
		check_name(text, size);
	free(text);
	return 0;
}
