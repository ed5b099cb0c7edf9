/*
 * redact/uescape.h: what U&"..." says.  Plain C.
 */
#ifndef SECRETS_REDACT_UESCAPE_H
#define SECRETS_REDACT_UESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#define UESCAPE_MOST 256		/* bytes that are decoded; names are shorter */

typedef struct UescapeName
{
	char		bytes[UESCAPE_MOST];	/* UTF-8 */
	size_t		len;
	bool		is_valid;
} UescapeName;

/* Of what stands between the quotes; quotes in it are doubled. */
extern UescapeName uescape_decode(const char *text, size_t len, char escape);

#endif
