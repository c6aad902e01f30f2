"""The engine server spread over machines: each role a Ray Serve deployment. Ray carries engines and never frames."""
