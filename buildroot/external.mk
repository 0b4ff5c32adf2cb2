include $(sort $(wildcard $(BR2_EXTERNAL_IMALIVE_PATH)/package/*/*.mk))
