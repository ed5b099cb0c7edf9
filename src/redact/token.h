/*
 * redact/token.h: takes SQL apart as PostgreSQL's scanner does, for texts that
 * need not be SQL.  Plain C; raises nothing, and is never at a loss: what is not
 * terminated ends with the text.
 */
#ifndef SECRETS_REDACT_TOKEN_H
#define SECRETS_REDACT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TokenKind
{
	TOKEN_END,
	TOKEN_NAME,					/* identifiers and keywords */
	TOKEN_QUOTED_NAME,			/* "..." and U&"..." */
	TOKEN_PLAIN,				/* '...' */
	TOKEN_ESCAPED,				/* E'...' */
	TOKEN_PREFIXED,				/* U&'...', B'...', X'...', N'...' */
	TOKEN_DOLLAR,				/* $$...$$, $tag$...$tag$ */
	TOKEN_PARAM,				/* $1 */
	TOKEN_NUMBER,
	TOKEN_LINE_COMMENT,
	TOKEN_BLOCK_COMMENT,
	TOKEN_SIGN,					/* any other byte, operators byte by byte */
} TokenKind;

typedef struct Token
{
	TokenKind	kind;
	size_t		from;
	size_t		to;
	size_t		inner_from;		/* what lies between the delimiters, if it has any */
	size_t		inner_to;
	bool		is_terminated;
	bool		has_escaped_quote;	/* \' in what is not E'...': where it ends hangs on standard_conforming_strings */
} Token;

/* The token of text[0, end) that begins at at, or behind the blanks there. */
extern Token token_next(const char *text, size_t end, size_t at);

static inline bool
token_is_literal(const Token *token)
{
	return token->kind >= TOKEN_PLAIN && token->kind <= TOKEN_DOLLAR;
}

static inline bool
token_is_comment(const Token *token)
{
	return token->kind == TOKEN_LINE_COMMENT || token->kind == TOKEN_BLOCK_COMMENT;
}

/* Is it that word?  Lower case; a quoted name is it only where it is written so. */
extern bool token_is_word(const Token *token, const char *text, const char *word);

/* Where a comment that begins there ends. */
extern size_t token_skip_line_comment(const char *text, size_t end, size_t at);
extern size_t token_skip_block_comment(const char *text, size_t end, size_t at, bool *is_terminated);

/* ---- bytes ---- */

#define BYTE_BLANK		1
#define BYTE_DIGIT		2
#define BYTE_LETTER		4		/* begins a name: letters, _, and all beyond ASCII */
#define BYTE_DOLLAR		8
#define BYTE_NAME		(BYTE_DIGIT | BYTE_LETTER | BYTE_DOLLAR)

extern const uint8_t byte_classes[256];
extern const uint8_t byte_lower[256];	/* ASCII's letters in lower case */

static inline bool
byte_is(char c, int classes)
{
	return (byte_classes[(unsigned char) c] & classes) != 0;
}

static inline char
byte_to_lower(char c)
{
	return (char) byte_lower[(unsigned char) c];
}

#endif
