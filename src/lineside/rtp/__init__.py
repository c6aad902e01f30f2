"""RTP: sound and keys over UDP (RFC 3550, 3551, 4733). All but `session` is pure: packets and times in, answers out."""
