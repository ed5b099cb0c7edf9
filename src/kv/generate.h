/*
 * kv/generate.h: kinds of values that have a public half, inside the room.
 */
#ifndef SECRETS_KV_GENERATE_H
#define SECRETS_KV_GENERATE_H

#include "utils/jsonb.h"

#include "kv/kv.h"

extern Generated generate_ssh_ed25519(Jsonb *options);
extern Generated generate_keypair(Jsonb *options);
extern Generated generate_x509(Jsonb *options);

#endif
