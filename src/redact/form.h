/*
 * redact/form.h: has it the form of a secret's name?  Plain C.
 */
#ifndef SECRETS_REDACT_FORM_H
#define SECRETS_REDACT_FORM_H

#include <stdbool.h>
#include <stddef.h>

/* As store/name.h has it, which is upstairs. */
extern bool form_is_name(const char *name, size_t len);

#endif
