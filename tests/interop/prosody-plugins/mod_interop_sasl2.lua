-- Debian's prosody-modules of 2023-02 are for a newer Prosody than Debian's 0.12.3: mod_sasl2 asks a
-- connection for ssl_info(), which that one does not have.
module:hook("stream-features", function (event)
	local conn = event.origin.conn;
	local methods = conn and not conn.ssl_info and getmetatable(conn).__index;
	if type(methods) ~= "table" then return; end
	methods.ssl_info = function (self)
		local socket = self.socket and self:socket() or self.conn;
		return socket and socket.info and socket:info();
	end;
end, 10000);
