/*
 * rotation/options.h: options that are for several: some for the clock, the
 * rest for the rotator; some for the generator.
 */
#ifndef SECRETS_ROTATION_OPTIONS_H
#define SECRETS_ROTATION_OPTIONS_H

#include "utils/jsonb.h"

/* Takes a member out: *text is what it was (NULL: there is none), the result is the rest. 22023 where it is no string. */
extern struct varlena *options_take_text(struct varlena *options, const char *key, char **text);

/* 22023 where it is no object at all. */
extern bool options_are_empty(struct varlena *options);

#endif
