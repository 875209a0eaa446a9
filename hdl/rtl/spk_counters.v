// SPDX-License-Identifier: Apache-2.0
// Sixteen halfwords of register space in one small memory: the link's counters (0 to 7) and the
// plain writable registers (8 to 15), which would cost hundreds of flip-flops and a wide
// multiplexer. A pulse on pulse_i[k] adds one to halfword k; 0 to 5 saturate, 6 wraps. Counting
// takes three cycles per pulse, busy_o = 1 meanwhile; a pulse of the same kind before its turn is
// lost, so the receiver pauses while busy_o = 1. clear_i[k] zeroes halfword k, rst all of them.
// Access: take_i while ready_o = 1 reads or writes address_i; rdata_o follows one cycle later.
`default_nettype none

module spk_counters (
  input  wire        clk,
  input  wire        rst,
  // counting
  input  wire [ 6:0] pulse_i,
  input  wire [15:0] clear_i,
  output wire        busy_o,
  // access
  input  wire        take_i,
  input  wire        we_i,
  input  wire [ 3:0] address_i,
  input  wire [15:0] wdata_i,
  output wire        ready_o,
  output wire [15:0] rdata_o
);

  localparam [2:0] WRAPS = 3'd6;

  reg  [ 6:0] pending_q;
  reg         add_q;      // the counter under index_q has been read
  reg  [ 3:0] index_q;    // halfword read last
  reg  [15:0] valid_q;    // halfwords written since they were zeroed
  reg  [ 2:0] next;
  wire        start = pending_q != 7'd0 && !take_i && !add_q;
  wire        write = add_q || (take_i && we_i);
  wire [ 3:0] write_at = add_q ? index_q : address_i;
  wire [ 6:0] served = add_q ? 7'd1 << index_q[2:0] : 7'd0;
  wire [15:0] stored;
  wire [15:0] value = valid_q[index_q] ? stored : 16'd0;
  wire        full = value == 16'hffff && index_q[2:0] != WRAPS;
  wire [15:0] more = value + {15'd0, !full};

  always @* begin
    casez (pending_q)
      7'b??????1: next = 3'd0;
      7'b?????10: next = 3'd1;
      7'b????100: next = 3'd2;
      7'b???1000: next = 3'd3;
      7'b??10000: next = 3'd4;
      7'b?100000: next = 3'd5;
      default: next = 3'd6;
    endcase
  end

  always @(posedge clk) begin
    if (rst) begin
      pending_q <= 7'd0;
      add_q <= 1'b0;
      valid_q <= 16'd0;
    end else begin
      pending_q <= (pending_q & ~served & ~clear_i[6:0]) | pulse_i;
      add_q <= start;
      valid_q <= (valid_q | (write ? 16'd1 << write_at : 16'd0)) & ~clear_i;
    end
    if (start || take_i) index_q <= take_i ? address_i : {1'b0, next};
  end

  spk_mem_1r1w #(
    .WIDTH(16),
    .DEPTH(16)
  ) u_mem (
    .clk(clk),
    .we_i(write),
    .waddr_i(write_at),
    .wdata_i(add_q ? more : wdata_i),
    .re_i(start || take_i),
    .raddr_i(take_i ? address_i : {1'b0, next}),
    .rdata_o(stored)
  );

  assign busy_o = pending_q != 7'd0 || add_q;
  assign ready_o = !add_q;
  assign rdata_o = value;

endmodule

`default_nettype wire
