"""twisted.cred for every door: credentials, checkers, realms, avatars.

Owns the interfaces of what checkers ask for (`ICredentialStore`, `ITenants`), so
that a registry can live anywhere. Resources see avatars only.
"""
