"""SIP for telephones, PBXs and trunks (RFC 3261). All but `endpoint` is pure: messages and times in, messages out."""
