/*
 * base/peer.h: who is at the other end of this session's connection, as the
 * server sees it: behind a pooler, the pooler.
 */
#ifndef SECRETS_BASE_PEER_H
#define SECRETS_BASE_PEER_H

#include "utils/inet.h"

typedef struct Peer
{
	inet	   *address;		/* NULL: a Unix socket, or no client at all (a job) */
	bool		ssl;
} Peer;

/* The same for the life of the process.  In a parallel worker, its leader's. */
extern const Peer *peer_get(void);

#endif
