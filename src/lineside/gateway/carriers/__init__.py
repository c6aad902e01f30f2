"""Carriers' accounts: their webhooks answered and checked, their REST asked. One file for each carrier."""
