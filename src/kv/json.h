/*
 * kv/json.h: the little JSON that values need.  Plain C, no server.
 *
 * PostgreSQL's own parser quotes what it dislikes in its error messages, and
 * leaves copies behind; a value may be in no message.  This one returns a code,
 * allocates nothing, and writes only where it is told to.  Texts are UTF-8 (or
 * an ASCII superset); RFC 8259, strictly, 512 levels deep at the most.
 */
#ifndef SECRETS_KV_JSON_H
#define SECRETS_KV_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_MAX_DEPTH 512

/*
 * Keys are looked for from the beginning each time.  So a merge is refused when
 * members times bytes are more than this: a second or two.
 */
#define JSON_MAX_WORK ((size_t) 1 << 31)

typedef struct JsonText
{
	const char *data;
	size_t		len;
} JsonText;

typedef enum JsonResult
{
	JSON_OK = 0,
	JSON_INVALID,				/* not JSON, or too deep */
	JSON_NOT_OBJECT,			/* JSON, but not an object */
	JSON_NO_FIELD,				/* no such key at the top level */
	JSON_NULL_FIELD,			/* the key's value is null */
	JSON_UNTRANSLATABLE,		/* \u0000, or half of a surrogate pair */
	JSON_TOO_LARGE				/* merging them would take longer than anybody waits for a lock */
} JsonResult;

/* JSON_OK, JSON_INVALID or JSON_NOT_OBJECT. */
extern JsonResult json_check_object(JsonText text);

/*
 * The value of a top-level key as ->> gives it: a string unescaped, anything
 * else as it is written; of a key that comes twice, the last.  Writes at most
 * text.len bytes to out.
 */
extern JsonResult json_get_field(JsonText text, JsonText key, char *out, size_t *outlen);

/*
 * JSON merge patch (RFC 7396) of one object into another.  Writes at most
 * target.len + changes.len + 8 bytes to out.  What the patch does not touch
 * stays as it was written.
 */
extern JsonResult json_merge_patch(JsonText target, JsonText changes, char *out, size_t *outlen);

/*
 * Called now and then while a long text is worked through, and free to leave by
 * longjmp: nothing is held.  NULL where there is nobody to interrupt.
 */
extern void (*json_interrupt) (void);

#endif
