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

#endif
