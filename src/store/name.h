/*
 * store/name.h: the grammar of names, patterns and stages.  Plain C, no server.
 *
 * A name is segment/segment/...: 1 to 512 bytes, segments of A-Za-z0-9._@+=-,
 * none of them empty, "." or "..".  A pattern is a name in which one star
 * stands for any run of characters inside a segment, and a segment of two
 * stars for any number of whole segments: none or more in front or in the
 * middle, one or more at the end, so that prod and two stars is what lies
 * inside prod, not prod itself.
 */
#ifndef SECRETS_STORE_NAME_H
#define SECRETS_STORE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_LEN	512
#define STAGE_MAX_LEN	63

extern bool name_is_valid(const char *name, size_t len);
extern bool pattern_is_valid(const char *pattern, size_t len);

/* Lower-case letters, digits, _ and -; 1 to 63 of them. */
extern bool stage_is_valid(const char *stage, size_t len);

/* Both valid.  At most len * plen steps, whatever the stars. */
extern bool pattern_matches(const char *pattern, size_t plen, const char *name, size_t len);

/*
 * How many bytes every matching name begins with: what an index scan starts
 * from.  *exact: the pattern has no star and matches that one name only.
 */
extern size_t pattern_prefix(const char *pattern, size_t plen, bool *exact);

/*
 * Where a rule of this pattern is looked for: the length of the folder, whole
 * segments without the slash after them, that every matching name lies in.
 * a/b for a/b/c and a/b/ with one star or two, a for a/b*, nothing for x.
 */
extern size_t pattern_folder(const char *pattern, size_t plen);

/*
 * Every name that inner matches, outer matches too.  Both valid; at most
 * olen * ilen steps.
 *
 * True is always so.  False is wrong of two kinds of patterns, which nobody
 * writes: where what tells them apart would be longer than a name may be, and
 * perhaps where outer holds each of the 68 characters that names are made of.
 */
extern bool pattern_contains(const char *outer, size_t olen, const char *inner, size_t ilen);

/*
 * Some name is matched by both.  Both valid; at most alen * blen steps.  False
 * is always so; true is wrong only where the name would be too long for one.
 */
extern bool pattern_intersects(const char *a, size_t alen, const char *b, size_t blen);

#endif
